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
#include "entry.h"
#include "keys.h"
#include "outcome.h"
#include "translate.h"

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

/* Of what comes from a tunnel the entry says whom it is for; a packet that claims another identity than the entry's has to be decided anew (design D1). */
static __always_inline const struct endpoint *receiver_by_tunnel(struct packet *packet, const struct flow_action *action)
{
	packet->slot = action->target;
	return action->identity == packet->source_identity ? endpoint_of_slot(action->target) : NULL;
}

/* The entry of the other direction would die while only this one speaks; then nobody knew any more what its packets are to become. */
static __noinline void keep_other(const struct run *run, const struct flow_action *action, __u8 family)
{
	union flow_key other = { 0 };

	if (family == 4) {
		flow_words_other((const flow_word *)&run->key.ipv4, action->rewrite, NULL, action->flags & FLOW_REPLY, action->target, (flow_word *)&other.ipv4, FLOW_WORDS4);
		flow_keep4(&other.ipv4);
	} else {
		flow_words_other((const flow_word *)&run->key.ipv6, action->rewrite, run->translation.address.halves, action->flags & FLOW_REPLY, action->target, (flow_word *)&other.ipv6, FLOW_WORDS6);
		flow_keep6(&other.ipv6);
	}
}

static __always_inline void count_hit(struct __sk_buff *skb, struct run *run, const struct flow_found *found, enum flow_signal signal, __u8 family)
{
	if (signal == FLOW_FOLLOW)
		follow_connection(&run->key, &run->packet);
	run->packet.known = BY_FLOW_ENTRY;
	if (flow_account(found, skb->len) & FLOW_TICKED)
		keep_other(run, &found->action, family);
}

/* The hit of a flow over IPv4 whose packets are rewritten. */
static __always_inline int recall_translated4(struct __sk_buff *skb, struct run *run, const struct flow_found *found, enum flow_signal signal)
{
	struct packet *packet = &run->packet;
	__u32 far = packet->side == DIRECTION_EGRESS ? packet->destination.ipv4 : packet->source.ipv4, address = found->action.rewrite;
	__u64 decided = found->action.decided;

	if ((__s64)((decided - peer_epoch_at(flow_peer_index4(far))) | (decided - peer_epoch_at(flow_peer_index4(address)))) < 0) {
		packet->is_translated = take_translation(run, NULL, found);
		count(COUNTER_FLOW_STALE, skb->len);
		return UNDECIDED;
	}
	count_hit(skb, run, found, signal, 4);
	return translate_hit4(skb, packet, found->action.rewrite, found->action.flags & FLOW_REPLY);
}

/* The same over IPv6. */
static __noinline int recall_translated6(struct __sk_buff *skb, struct run *run, const struct flow_found *found, enum flow_signal signal)
{
	struct packet *packet = &run->packet;

	packet->is_translated = 1;
	if (!take_translation(run, &run->key.ipv6, found) || !is_translation_current(packet, &run->translation, &found->action)) {
		count(COUNTER_FLOW_STALE, skb->len);
		return UNDECIDED;
	}
	count_hit(skb, run, found, signal, 6);
	return translate(skb, run);
}

/*
 * `self`: NULL for what comes from a tunnel. CARRY_ON: go on to where the entry says, which is `receiver` if that is a pod of this node. UNDECIDED: there is no entry, it is out of date, or the
 * packet opens a new connection on an old one's ports; a bare SYN never counts as a reply.
 */
static __always_inline int recall(struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint **receiver, __u8 family)
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
		take_stale(run, family, &found);
		return UNDECIDED;
	}
	if (action->class == FLOW_NEGATIVE)
		return family == 4 ? recall_denied4(skb, run, self, *receiver, &found) : recall_denied6(skb, run, self, *receiver, &found);
	if (action->rewrite)
		return family == 4 ? recall_translated4(skb, run, &found, signal) : recall_translated6(skb, run, &found, signal);
	if (signal == FLOW_FOLLOW)
		follow_connection(&run->key, packet);
	packet->known = BY_FLOW_ENTRY;
	flow_account(&found, skb->len);
	return CARRY_ON;
}
