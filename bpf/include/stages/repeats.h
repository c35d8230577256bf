/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Drops that no flow entry counts: the first in a tick has a record, those that follow are counted, and told with the first of a later tick or by the sweep. So what a pod can have told is bounded,
 * and nothing is left out.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/repeats.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "report.h"

static __always_inline struct repeats_key repeats_key_of(const struct packet *packet, enum drop_reason reason)
{
	__u32 lane = (__u32)packet->protocol << 16 | packet->destination_port;

	for (int i = 0; i < 4; i++)
		lane = ((lane ^ packet->source.words[i]) * 0x9e3779b1u ^ packet->destination.words[i]) * 0x9e3779b1u;
	return (struct repeats_key){ .slot = packet->slot, .direction = packet->at, .reason = reason, .lane = lane >> 16 & (REPEATS_LANES - 1) };
}

/* Under the lock. The record of a new tick tells what the last one left. */
static __always_inline void begin_tick(struct repeats *repeats, struct packet *packet, __u32 now, __u32 bytes)
{
	packet->repeats = repeats->first.packets;
	packet->bytes = repeats->first.bytes + bytes;
	repeats->first.packets = 0;
	repeats->tick = now;
}

/* Under the lock. False: it would be the first, and hasn't been described. */
static __always_inline bool add_repeat(struct repeats *repeats, const struct event *record, bool is_described, __u32 bytes)
{
	if (repeats->first.packets == 0) {
		if (!is_described)
			return false;
		repeats->first = *record;
		repeats->first.packets = 0;
		repeats->first.bytes = 0;
	}
	repeats->first.packets++;
	repeats->first.bytes += bytes;
	return true;
}

/* True: a drop like it has been told in this tick already; this one is counted. False: it needs a record, which tells what was counted before, too. */
__noinline int is_repeat(struct __sk_buff *skb, struct run *run, enum drop_reason reason)
{
	__u32 now = flow_now(), bytes = skb->len;
	bool is_described = false, repeat = false;
	struct repeats_key key;
	struct repeats *repeats;

	if (!run)
		return false;
	key = repeats_key_of(&run->packet, reason);
	repeats = repeats_find(&key, now);
	if (!repeats)
		return false;
	if (FLOW_LOAD(repeats->first.packets) == 0 && is_repeats_key(&repeats->key, &key) && FLOW_LOAD(repeats->tick) == now) {
		describe(&run->record, skb, run, EVENT_DROP, VERDICT_DROPPED, reason);
		is_described = true;
	}
	bpf_spin_lock(&repeats->lock);
	if (is_repeats_key(&repeats->key, &key)) {
		if (repeats->tick == now)
			repeat = add_repeat(repeats, &run->record, is_described, bytes);
		else
			begin_tick(repeats, &run->packet, now, bytes);
	} else if (is_repeats_free(repeats, now)) {
		repeats->key = key;
		repeats->tick = now;
	}
	bpf_spin_unlock(&repeats->lock);
	return repeat;
}
