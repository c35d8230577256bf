/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The end of every run: one counter, and a record if the packet drops (design D7). */
#pragma once

#include <linux/bpf.h>

#include "../maps/counters.h"
#include "../maps/endpoints.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "outcome.h"
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

static __always_inline void conclude_drop(struct __sk_buff *skb, struct packet *packet, int reason)
{
	count(packet->at * 256 + (reason & 255), skb->len);
	if (packet->is_reported)
		return;
	name_self(packet);
	report(skb, packet, EVENT_DROP, VERDICT_DROPPED, reason);
}

static __always_inline void conclude(struct __sk_buff *skb, struct packet *packet, int outcome)
{
	if (is_drop(outcome))
		conclude_drop(skb, packet, outcome);
	else
		count(packet->side * 256 + (outcome & 127), skb->len);
}
