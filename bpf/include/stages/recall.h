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
#include "translate.h"

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

	const int reason = action->rewrite & FLOW_DENIAL_REASON;

	packet->at = action->flags & FLOW_AT_INGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	packet->is_reported = 1;
	if (flow_account(found, skb->len) == 0)
		return reason;
	counted = flow_take(found);
	packets = counted >> FLOW_PACKETS_SHIFT;
	if (packets == 0) /* another processor has just reported this one too */
		return reason;
	packet->is_reported = 0;
	packet->has_own_record = 1;
	packet->repeats = packets - 1;
	packet->bytes = counted & ((1ull << FLOW_PACKETS_SHIFT) - 1);
	*(packet->at == DIRECTION_INGRESS ? &packet->ingress_origin : &packet->egress_origin) = action->origin;
	note_ends(packet, self, receiver, action);
	return reason;
}

/* Of what comes from a tunnel the entry says whom it is for; a packet that claims another identity than the entry's has to be decided anew (design D1). */
static __always_inline const struct endpoint *receiver_by_tunnel(struct packet *packet, const struct flow_action *action)
{
	packet->slot = action->target;
	return action->identity == packet->source_identity ? endpoint_of_slot(action->target) : NULL;
}

/* What the packet of a flow to a service becomes, out of its entry. False: the entry is just changing. */
static __always_inline bool take_translation(struct run *run, const struct flow_key6 *key6, const struct flow_found *found)
{
	struct translation *translation = &run->translation;
	__u64 rewrite = found->action.rewrite;

	translation->port = rewrite >> 32;
	translation->other_port = rewrite >> 48;
	translation->is_reply = !!(found->action.flags & FLOW_REPLY);
	if (key6)
		return flow_read_rewrite6(found->state, key6, rewrite, translation->address.halves);
	translation->address.halves[0] = 0;
	translation->address.halves[1] = rewrite << 32 | bpf_htonl(0xffff);
	return true;
}

static __always_inline bool take_translation_of(struct run *run, const union flow_key *key, __u8 family, const struct flow_found *found)
{
	return take_translation(run, family == 6 ? &key->ipv6 : NULL, found);
}

/* The backend that a denied flow to a service would have gone to, out of its entry; what a packet of it would have become. False: the entry is just changing. */
static __always_inline bool take_denied(struct run *run, __u8 family, const struct flow_found *found)
{
	struct translation *translation = &run->translation;
	__u64 rewrite = found->action.rewrite;

	translation->port = rewrite >> FLOW_DENIAL_PORT_SHIFT;
	translation->other_port = run->packet.source_port;
	translation->is_reply = 0;
	if (family == 6)
		return flow_read_rewrite6(found->state, &run->key.ipv6, rewrite, translation->address.halves);
	translation->address.halves[0] = 0;
	translation->address.halves[1] = (rewrite >> FLOW_DENIAL_ADDRESS_SHIFT) << 32 | bpf_htonl(0xffff);
	return true;
}

/* What an entry that is out of date says of the flow's backend. A connection that was cut and is let through again keeps it; what was denied otherwise begins anew, and chooses anew. */
static __noinline void take_stale(struct run *run, __u8 family, const struct flow_found *found)
{
	struct packet *packet = &run->packet;

	if (flow_is_rewritten(&found->action))
		packet->is_translated = take_translation_of(run, &run->key, family, found);
	else if (!flow_denies_rewritten(&found->action))
		return;
	else if (packet->protocol == IPPROTO_TCP && !is_bare_syn(packet))
		packet->is_translated = take_denied(run, family, found);
	else
		packet->entry = ENTRY_NONE;
}

/* Beside both ends, a service's flow depends on the addresses that either end knows the other by: they have the epochs of its frontend and its backend. */
static __always_inline bool is_translation_current(const struct packet *packet, const struct translation *translation, const struct flow_action *action)
{
	const union address *far = packet->side == DIRECTION_EGRESS ? &packet->destination : &packet->source;
	__u64 decided = action->decided;

	return (__s64)((decided - peer_epoch(packet->family, far)) | (decided - peer_epoch(packet->family, &translation->address))) >= 0;
}

/* Whether what was said of a denied flow to a service still holds, of its frontend and its backend too; then the packet is one to that backend, as policy and events have it. */
static __always_inline bool turn_to_denied(struct run *run, __u8 family, const struct flow_found *found)
{
	struct packet *packet = &run->packet;

	if (!take_denied(run, family, found) || !is_translation_current(packet, &run->translation, &found->action))
		return false;
	packet->destination = run->translation.address;
	packet->destination_port = run->translation.port;
	return true;
}

static __always_inline int recall_denied(struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint *receiver, const struct flow_found *found, const __u8 family)
{
	if (!flow_denies_rewritten(&found->action) || turn_to_denied(run, family, found))
		return drop_again(skb, &run->packet, self, receiver, found);
	count(COUNTER_FLOW_STALE, skb->len);
	take_stale(run, family, found);
	return UNDECIDED;
}

/* The hit of a flow that is denied. A call of its own, so that it takes no room on the stack of those that aren't. */
static __noinline int recall_denied4(struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint *receiver, const struct flow_found *found)
{
	return recall_denied(skb, run, self, receiver, found, 4);
}

static __noinline int recall_denied6(struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint *receiver, const struct flow_found *found)
{
	return recall_denied(skb, run, self, receiver, found, 6);
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
