/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a flow's entry says of its packets beside where they go: that they are denied, and which backend of a service is theirs. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../maps/counters.h"
#include "../maps/endpoints.h"
#include "../maps/epochs.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../parse/transport.h"
#include "outcome.h"

static __always_inline bool is_bare_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
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
	const int reason = action->rewrite & FLOW_DENIAL_REASON;
	__u64 counted, packets;

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
