/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What user space is told of an entry of the flow table that is gone, or of repeats of a denial that nobody has reported. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../maps/endpoints.h"
#include "../maps/events.h"
#include "../parse/ipv4.h"
#include "../types/peer.h"
#include "../types/reason.h"
#include "arrival.h"

static __always_inline __u32 identity_in_zone(__u16 zone, __u32 otherwise)
{
	const struct endpoint *endpoint = zone < ZONE_NODE ? endpoint_of_slot(zone) : NULL;

	return endpoint ? endpoint->identity : otherwise;
}

static __always_inline void fill_denial(struct event *event, const struct flow_action *action)
{
	bool ingress = action->flags & FLOW_AT_INGRESS;

	event->type = EVENT_DROP;
	event->verdict = VERDICT_DROPPED;
	event->reason = action->rewrite & FLOW_DENIAL_REASON;
	event->direction = ingress ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	event->egress_origin = ingress ? 0 : action->origin;
	event->ingress_origin = ingress ? action->origin : 0;
	event->repeats = event->packets - 1;
}

/* All but the addresses, which the families keep differently. */
static __always_inline void fill_ended(struct event *event, const struct flow_ended *ended, __u16 zone)
{
	const struct flow_action *action = &ended->action;

	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_boot_ns();
	event->packets = ended->counter >> FLOW_PACKETS_SHIFT;
	event->bytes = ended->counter & ((1ull << FLOW_PACKETS_SHIFT) - 1);
	event->source_zone = zone;
	event->destination_zone = action->target;
	event->source_identity = identity_in_zone(zone, action->identity);
	event->destination_identity = identity_in_zone(action->target, action->identity);
	event->egress_origin = action->origin;
	event->ingress_origin = ended->ingress_origin;
	event->type = EVENT_CLOSE;
	event->verdict = VERDICT_FORWARDED;
	event->reply = !!(action->flags & FLOW_REPLY);
	if (action->class == FLOW_NEGATIVE)
		fill_denial(event, action);
}

/* Nothing was there, or nothing happened that is not reported yet: no record. */
static __always_inline bool is_worth_telling(const struct flow_ended *ended)
{
	return ended->action.class != FLOW_EMPTY && ended->counter >> FLOW_PACKETS_SHIFT != 0;
}

/* Somebody else may have the slot of a pod that has gone: the flow wasn't that one's. */
static __always_inline void forget_gone(struct event *event, __u8 family)
{
	if (is_gone(event->source_zone, family, (const union address *)event->source))
		event->source_identity = IDENTITY_UNKNOWN;
	if (is_gone(event->destination_zone, family, (const union address *)event->destination))
		event->destination_identity = IDENTITY_UNKNOWN;
}

__noinline int report_ended4(const struct flow_ended4 *ended)
{
	struct event *event = ended && is_worth_telling(&ended->entry) ? event_reserve() : NULL;

	if (!event)
		return 0;
	fill_ended(event, &ended->entry, ended->key.zone);
	event->family = 4;
	event->protocol = ended->key.protocol;
	event->source_port = ended->key.source_port;
	event->destination_port = ended->key.destination_port;
	address_from_ipv4((union address *)event->source, ended->key.source);
	address_from_ipv4((union address *)event->destination, ended->key.destination);
	forget_gone(event, 4);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

__noinline int report_ended6(const struct flow_ended6 *ended)
{
	struct event *event = ended && is_worth_telling(&ended->entry) ? event_reserve() : NULL;

	if (!event)
		return 0;
	fill_ended(event, &ended->entry, ended->key.zone);
	event->family = 6;
	event->protocol = ended->key.protocol;
	event->source_port = ended->key.source_port;
	event->destination_port = ended->key.destination_port;
	__builtin_memcpy(event->source, ended->key.source, sizeof(event->source));
	__builtin_memcpy(event->destination, ended->key.destination, sizeof(event->destination));
	forget_gone(event, 6);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
