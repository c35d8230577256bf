/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Puts what the slow path decided into the flow table, and reports the entries that had to go for it. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include "../flow/flow.h"
#include "../maps/allowances.h"
#include "../maps/counters.h"
#include "../maps/denials.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "farewell.h"
#include "keys.h"
#include "outcome.h"

/* What `run->decision` says of the flow that the packet belongs to. `opened_in`: zone in which packets of the original direction come in. */
static __always_inline int store4(struct run *run, __u16 opened_in)
{
	const struct packet *packet = &run->packet;
	int stored;

	original4_of(packet, opened_in, &run->key.ipv4);
	stored = run->decision.reason ? flow_deny4(&run->key.ipv4, &run->decision, &run->ends4) : flow_open4(&run->key.ipv4, &run->decision, &run->ends4);
	report_ended4(&run->ends4.original);
	report_ended4(&run->ends4.reply);
	return stored;
}

static __always_inline int store6(struct run *run, __u16 opened_in)
{
	const struct packet *packet = &run->packet;
	int stored;

	original6_of(packet, opened_in, &run->key.ipv6);
	stored = run->decision.reason ? flow_deny6(&run->key.ipv6, &run->decision, &run->ends6) : flow_open6(&run->key.ipv6, &run->decision, &run->ends6);
	report_ended6(&run->ends6.original);
	report_ended6(&run->ends6.reply);
	return stored;
}

static __always_inline int store(struct run *run, __u16 opened_in)
{
	return run->packet.family == 4 ? store4(run, opened_in) : store6(run, opened_in);
}

/* An allowed flow: both directions, or the packet doesn't pass. */
static __always_inline int store_allowed(const struct __sk_buff *skb, struct run *run, __u16 opened_in)
{
	run->decision.reason = REASON_NONE;
	count(COUNTER_FLOW_INSERT, skb->len);
	return store(run, opened_in) == FLOW_STORED ? CARRY_ON : REASON_CONNTRACK_INSERT;
}

/*
 * A denied one. A flow that has an entry is cut off at once, and so is one whose reply is denied; any other is remembered when it comes again, so that its third packet needs no decision.
 * Nothing is lost where there is no room. Up to the pod's allowance, each has its own record; beyond it, it is told with others.
 */
static __always_inline void store_denied(struct run *run, __u16 opened_in, enum drop_reason reason)
{
	struct packet *packet = &run->packet;

	packet->has_own_record = use_allowance(packet->slot, packet->side);
	if (packet->entry == ENTRY_NONE && !packet->reply && !denied_before(hash_of_flow(packet, &run->key)))
		return;
	run->decision.reason = reason;
	run->decision.flags = packet->at == DIRECTION_INGRESS ? FLOW_AT_INGRESS : 0;
	if (store(run, opened_in) != FLOW_STORED)
		packet->has_own_record = 0;
}
