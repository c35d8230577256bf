/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The slow path: who talks to whom, may they, and remember it. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../maps/epochs.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "balance.h"
#include "claim.h"
#include "ends.h"
#include "keys.h"
#include "outcome.h"
#include "policy.h"
#include "recall.h"
#include "report.h"
#include "store.h"
#include "translate.h"

/*
 * Groups, link-local addresses, and those that mean the host itself (RFC 6890): nothing here carries packets to them, and the node's own services would take some of them for
 * their link's or their loopback's (with route_localnet, which kube-proxy may set). IPv4-mapped addresses are no destinations on a wire.
 */
static __always_inline bool is_of_the_link(const struct packet *packet)
{
	const union address *to = &packet->destination;

	if (packet->family == 4)
		return to->bytes[12] == 0 || to->bytes[12] == 127 || (to->bytes[12] >= 224 && (to->bytes[12] < 240 || to->ipv4 == 0xffffffff));
	if (!(to->words[0] | to->words[1]) && (!to->words[2] || to->words[2] == bpf_htonl(0xffff)))
		return true;
	return to->bytes[0] == 0xff || (to->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* From a tunnel: the header says who it is. */
static __always_inline int take_sender(struct end *sender, const struct packet *packet)
{
	sender->identity = packet->source_identity;
	sender->zone = packet->zone;
	return check_claim(packet);
}

/* Services: whom a packet is for that goes to one, and who has to be asked whether a reply may come back from one. */
static __always_inline int find_backend(struct run *run, bool leaving)
{
	struct packet *packet = &run->packet;

	if (packet->entry == ENTRY_REPLY && !is_bare_syn(packet))
		return packet->is_translated ? balance_reply(run) : CARRY_ON;
	packet->is_translated &= leaving && packet->entry == ENTRY_ORIGINAL;
	return leaving && needs_balance(run) ? balance(run) : CARRY_ON;
}

/* Finds both ends; what says that it comes from somebody else than it does is spoofed. */
static __always_inline int find_ends(struct run *run)
{
	struct packet *packet = &run->packet;
	struct end *own = &run->own, *far = &run->far;
	const struct endpoint *self = endpoint_of_slot(packet->slot);
	bool leaving = packet->side == DIRECTION_EGRESS;
	int outcome;

	far->identity = IDENTITY_UNKNOWN;
	if (!self)
		return REASON_ENDPOINT_NOT_READY;
	if (leaving && check_source(packet, self) != CARRY_ON)
		return REASON_SOURCE_IP;
	if (leaving && is_of_the_link(packet))
		return REASON_UNKNOWN_TARGET;
	outcome = find_backend(run, leaving);
	if (outcome != CARRY_ON)
		return outcome;
	take_endpoint(own, self, packet->slot);
	if (is_node_zone(packet->zone))
		outcome = take_sender(far, packet);
	else
		outcome = resolve(far, packet->family, leaving ? &packet->destination : &packet->source, run->decision.decided);
	packet->source_identity = leaving ? own->identity : far->identity;
	packet->destination_identity = leaving ? far->identity : own->identity;
	if (!leaving && far->zone != packet->zone) {
		packet->source_identity = IDENTITY_UNKNOWN; /* whoever sent it, not the one that has the address */
		return REASON_SOURCE_IP;
	}
	packet->target = leaving ? far->zone : packet->slot;
	return outcome;
}

/*
 * Whether the packet answers another one: replies are never decided by themselves (design D3). Its entry may be gone while the other direction's lives on, each has its own time. A bare SYN
 * answers nothing.
 */
static __always_inline bool is_reply(const struct packet *packet)
{
	if (is_bare_syn(packet) || packet->entry == ENTRY_ORIGINAL)
		return false;
	if (packet->is_translated)
		return packet->entry == ENTRY_REPLY;
	if (packet->entry == ENTRY_REPLY)
		return true;
	return answers_open_flow(packet, packet->target);
}

/* What the policy said, as against what kept it from being asked. Zero is no denial. */
static __always_inline bool is_policy_denial(int reason)
{
	return reason == REASON_POLICY_DENIED || reason == REASON_DENY_RULE || reason == REASON_NO_PROXY;
}

/* Asks the policy of one end about the other. */
static __always_inline int ask(struct run *run, enum direction direction, const struct end *subject, const struct end *peer)
{
	struct packet *packet = &run->packet;
	struct ruling *ruling = &run->ruling;
	int outcome;

	packet->at = direction;
	outcome = check_peer(peer);
	if (outcome == CARRY_ON)
		outcome = rule(run, subject == &run->own);
	if (outcome != CARRY_ON)
		return outcome;
	if (direction == DIRECTION_INGRESS)
		packet->ingress_origin = run->decision.ingress_origin = ruling->origin;
	else
		packet->egress_origin = run->decision.egress_origin = ruling->origin;
	if (!is_policy_denial(ruling->reason))
		return ruling->reason;
	if (ruling->audit || (subject->flags & ENDPOINT_AUDIT)) {
		packet->audited = ruling->reason;
		packet->audited_at = direction;
		return CARRY_ON;
	}
	return ruling->reason;
}

/* Both ends must permit: egress at the source, ingress at the destination, each where it is a pod of this node. */
static __always_inline int judge(struct run *run, const struct end *source, const struct end *destination)
{
	int outcome = CARRY_ON;

	if (is_local_pod(source))
		outcome = ask(run, DIRECTION_EGRESS, source, destination);
	if (outcome == CARRY_ON && is_local_pod(destination))
		outcome = ask(run, DIRECTION_INGRESS, destination, source);
	return outcome;
}

/* New flows are reported when they are let through, when only audit mode lets them, and when they are denied. */
static __always_inline void report_decision(struct __sk_buff *skb, struct run *run, int outcome)
{
	struct packet *packet = &run->packet;
	enum event_type type = EVENT_VERDICT;
	enum verdict verdict = VERDICT_FORWARDED;
	int reason = REASON_NONE;

	if (outcome != CARRY_ON) {
		if (!packet->has_own_record)
			return;
		packet->is_reported = 1;
		type = EVENT_DROP;
		verdict = VERDICT_DROPPED;
		reason = outcome;
	} else if (packet->reply || packet->entry == ENTRY_ORIGINAL) {
		return;
	} else if (packet->audited) {
		packet->at = packet->audited_at;
		verdict = VERDICT_AUDIT;
		reason = packet->audited;
	}
	report(skb, run, type, verdict, reason);
}

/* Each field by itself: what is written by one store and read by another of a different width waits for the first to reach the cache. */
static __always_inline void begin_decision(const struct __sk_buff *skb, struct run *run)
{
	struct flow_decision *decision = &run->decision;

	decision->decided = clock_sample();
	decision->bytes = skb->len;
	decision->tcp_flags = run->packet.tcp_flags;
	decision->egress_origin = decision->ingress_origin = 0;
	decision->rewrite = decision->reply_rewrite = 0;
	decision->rewrite_address[0] = decision->rewrite_address[1] = 0;
	decision->reply_rewrite_address[0] = decision->reply_rewrite_address[1] = 0;
	decision->flags = 0;
}

/* Decides the flow in its original direction, whichever the packet goes. CARRY_ON: go on to `packet->target`. */
__noinline int decide(struct __sk_buff *skb, struct run *run)
{
	struct packet *packet = &run->packet;
	struct end *opener, *other;
	int outcome;

	if (!run)
		return REASON_CONNTRACK_INSERT;
	begin_decision(skb, run);
	outcome = find_ends(run);
	if (outcome != CARRY_ON)
		return outcome;
	packet->reply = is_reply(packet);
	packet->is_judged = 1;
	opener = (packet->side == DIRECTION_EGRESS) != packet->reply ? &run->own : &run->far;
	other = opener == &run->own ? &run->far : &run->own;
	outcome = is_hairpin(run) ? CARRY_ON : judge(run, opener, other);
	run->decision.reply = packet->reply;
	run->decision.identity = is_local_pod(&run->far) ? 0 : run->far.identity;
	run->decision.target = other->zone;
	/* A denied SYN in the direction of a live connection's replies must not cut that connection. */
	if (is_policy_denial(outcome) && has_room_for_denial(run) && (packet->reply || packet->entry != ENTRY_REPLY))
		store_denied(run, opener->zone, outcome);
	if (outcome == CARRY_ON) {
		packet->at = packet->side;
		outcome = store_allowed(skb, run, opener->zone);
	}
	if (outcome == CARRY_ON && packet->is_translated) {
		fill_translation(run);
		outcome = translate(skb, run);
	}
	report_decision(skb, run, outcome);
	return outcome;
}
