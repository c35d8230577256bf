/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The end of every run: one counter, and a record if the packet drops and is no repeat (design D7). */
#pragma once

#include <linux/bpf.h>

#include "../maps/counters.h"
#include "../maps/endpoints.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "outcome.h"
#include "repeats.h"
#include "report.h"

/* Early drops don't know the other end, but always their own. */
static __always_inline void name_self(struct packet *packet)
{
	const struct endpoint *self = endpoint_of_slot(packet->slot);

	if (!self)
		return;
	if (packet->side == DIRECTION_EGRESS)
		packet->source_identity = self->identity;
	else
		packet->destination_identity = self->identity;
}

static __always_inline void conclude_drop(struct __sk_buff *skb, struct run *run, int reason)
{
	struct packet *packet = &run->packet;

	count(packet->at * 256 + (reason & 255), skb->len);
	if (packet->is_reported)
		return;
	name_self(packet);
	if (packet->has_own_record || !is_repeat(skb, run, reason))
		report_drop(skb, run, reason);
}

static __always_inline void conclude(struct __sk_buff *skb, struct run *run, int outcome)
{
	if (is_drop(outcome))
		conclude_drop(skb, run, outcome);
	else
		count(run->packet.side * 256 + outcome + run->packet.known, skb->len);
}
