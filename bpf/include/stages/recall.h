/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The fast path: what the flow table says about the packet, if it is still true. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../maps/counters.h"
#include "../maps/endpoints.h"
#include "../maps/epochs.h"
#include "../maps/policies.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../parse/transport.h"
#include "../types/reason.h"
#include "arrival.h"
#include "keys.h"
#include "outcome.h"

static __always_inline bool is_bare_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Decided after the last change of either end (design D2)? `receiver`: NULL where the packet goes to no pod of this node. What needs a look-up is read first, so that less has to be kept on the
 * stack meanwhile.
 */
static __always_inline bool is_current(const struct packet *packet, const struct endpoint *self, const struct endpoint *receiver, const struct flow_action *action)
{
	const union address *far = packet->side == DIRECTION_EGRESS ? &packet->destination : &packet->source;
	__u32 own = subject_epoch(self->subject), other, other_too;

	if (receiver) {
		other = subject_epoch(receiver->subject);
		other_too = receiver->epoch;
	} else {
		other = peer_epoch(packet->family, far);
		other_too = prefix_epoch();
	}
	return flow_is_current(action, own, self->epoch, other, other_too);
}

static __always_inline void note_ends(struct packet *packet, const struct endpoint *self, const struct endpoint *receiver, const struct flow_action *action)
{
	__u32 far = receiver ? receiver->identity : action->identity;
	bool leaving = packet->side == DIRECTION_EGRESS;

	packet->source_identity = leaving ? self->identity : far;
	packet->destination_identity = leaving ? far : self->identity;
}

/* A packet like one that was denied before drops without being asked about. The first one in a tick reports those that came since the last report. */
static __always_inline int drop_again(const struct __sk_buff *skb, struct packet *packet, const struct endpoint *self, const struct endpoint *receiver, const struct flow_found *found)
{
	const struct flow_action *action = &found->action;
	__u64 counted, packets;

	packet->at = action->flags & FLOW_AT_INGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	packet->is_reported = 1;
	if (flow_account(found, skb->len) == 0)
		return action->rewrite;
	counted = flow_take(found);
	packets = counted >> FLOW_PACKETS_SHIFT;
	if (packets == 0) /* another processor has just reported this one too */
		return action->rewrite;
	packet->is_reported = 0;
	packet->has_own_record = 1;
	packet->repeats = packets - 1;
	packet->bytes = counted & ((1ull << FLOW_PACKETS_SHIFT) - 1);
	*(packet->at == DIRECTION_INGRESS ? &packet->ingress_origin : &packet->egress_origin) = action->origin;
	note_ends(packet, self, receiver, action);
	return action->rewrite;
}

/* Of what comes from a tunnel the entry says whom it is for; a packet that claims another identity than the entry's has to be decided anew (design D1). */
static __always_inline const struct endpoint *receiver_by_tunnel(struct packet *packet, const struct flow_action *action)
{
	packet->slot = action->target;
	return action->identity == packet->source_identity ? endpoint_of_slot(action->target) : NULL;
}

/*
 * `self`: NULL for what comes from a tunnel. CARRY_ON: go on to where the entry says, which is `receiver` if that is a pod of this node. UNDECIDED: there is no entry, it is out of date, or the
 * packet opens a new connection on an old one's ports; a bare SYN never counts as a reply.
 */
static __always_inline int recall(const struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint **receiver, __u8 family)
{
	struct packet *packet = &run->packet;
	const struct flow_action *action;
	struct flow_found found;
	enum flow_signal signal;

	if (!find_flow(packet, family, &run->key, &found))
		return UNDECIDED;
	action = &found.action;
	signal = flow_signal(action, packet->tcp_flags);
	if (signal == FLOW_REOPENS && !(action->flags & FLOW_REPLY))
		return UNDECIDED;
	packet->entry = action->flags & FLOW_REPLY ? ENTRY_REPLY : ENTRY_ORIGINAL;
	packet->target = action->target;
	if (action->flags & FLOW_REPLY && is_bare_syn(packet))
		return UNDECIDED;
	*receiver = receiver_of(packet);
	if (!self)
		self = receiver_by_tunnel(packet, action);
	if (!self || !is_current(packet, self, *receiver, action)) {
		count(COUNTER_FLOW_STALE, skb->len);
		return UNDECIDED;
	}
	if (action->class == FLOW_NEGATIVE)
		return drop_again(skb, packet, self, *receiver, &found);
	if (signal == FLOW_FOLLOW)
		follow_connection(&run->key, packet);
	packet->known = BY_FLOW_ENTRY;
	flow_account(&found, skb->len);
	return CARRY_ON;
}
