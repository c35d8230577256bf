/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One direction of one subject's policy. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/counters.h"
#include "../maps/decisions.h"
#include "../maps/policies.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "ends.h"
#include "outcome.h"

enum {
	ATTEMPTS = 2, /* at a policy that is being replaced meanwhile */
};

static __always_inline const struct policy_entry *find_entry(const struct decision_question *question, __u32 policy, enum policy_space space, __u32 peer)
{
	struct policy_key key = {
		.prefix_length = POLICY_KEY_PORT,
		.policy = policy,
		.direction = question->what >> 16,
		.space = space,
		.peer = peer,
		.protocol = question->what >> 24,
		.port = { question->what >> 40, question->what >> 32 },
	};

	return bpf_map_lookup_elem(&policy_entries, &key);
}

static __always_inline bool denies(const struct policy_entry *entry)
{
	return entry && entry->deny;
}

/* Any deny denies, else any allow allows; NULL: the default holds. */
static __always_inline const struct policy_entry *decisive_entry(const struct decision_question *question, __u32 policy)
{
	const struct policy_entry *identity = find_entry(question, policy, SPACE_IDENTITY, (__u32)question->peer);
	const struct policy_entry *class = question->peer >> 32 ? find_entry(question, policy, SPACE_CLASS, question->peer >> 32) : NULL;
	const struct policy_entry *any = find_entry(question, policy, SPACE_ANY, 0);

	if (denies(identity))
		return identity;
	if (denies(class))
		return class;
	if (denies(any))
		return any;
	return identity ? identity : class ? class : any;
}

static __noinline void look_up(const struct decision_question *question, __u32 id, const struct policy *policy, struct decision_answer *answer)
{
	bool ingress = (question->what >> 16 & 255) == DIRECTION_INGRESS;
	const struct policy_entry *entry = decisive_entry(question, id);

	answer->known = 1;
	if (entry) {
		answer->reason = entry->deny ? REASON_DENY_RULE : REASON_NONE;
		answer->origin = entry->origin;
		answer->rule_set = entry->rule_set;
		return;
	}
	answer->rule_set = 0;
	answer->reason = policy->flags & (ingress ? POLICY_INGRESS_ISOLATED : POLICY_EGRESS_ISOLATED) ? REASON_POLICY_DENIED : REASON_NONE;
	answer->origin = ingress ? policy->ingress_default_origin : policy->egress_default_origin;
}

/* Port (ICMP: type and code) that the flow's first packet was for. */
static __always_inline __u16 port_of(const struct packet *packet)
{
	__u16 port = bpf_ntohs(packet->reply ? packet->source_port : packet->destination_port);

	/* Of an ICMP reply: the request's type, as struct packet has it. */
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		return port << 8 | (packet->reply ? 0 : packet->icmp_code);
	return port;
}

/* The class of either end. The far one's was found with its identity, unless that was taken from a tunnel's header. */
static __always_inline __u32 class_of(const struct run *run, const struct end *end)
{
	const struct packet *packet = &run->packet;
	bool is_destination = (end == &run->far) == (packet->side == DIRECTION_EGRESS);
	const struct holder *holder;

	if (end == &run->far && !is_node_zone(packet->zone))
		return end->peer_class;
	holder = holder_of(packet->family, is_destination ? &packet->destination : &packet->source, run->decision.decided);
	return holder ? holder->peer_class : 0;
}

/*
 * One attempt. False: the policy was replaced meanwhile, so that what was read may be half of the old one, half cleared away (design D2: before or after, never between). Nothing is
 * remembered then.
 */
static __always_inline bool try_ruling(struct run *run, const struct end *subject, const struct end *peer)
{
	const struct packet *packet = &run->packet;
	struct subject sample = subject_sample(subject->subject);
	const struct policy *policy = policy_of_id(sample.policy);
	struct ruling *ruling = &run->ruling;
	struct decision_question question;
	struct decision_answer answer;
	struct decision *decision;
	bool remembered;

	ruling->reason = REASON_ENDPOINT_NOT_READY;
	if (!policy)
		return true;
	ruling->audit = !!(policy->flags & POLICY_AUDIT);
	question.what = subject->subject | packet->at << 16 | (__u32)packet->protocol << 24 | (__u64)port_of(packet) << 32;
	question.peer = peer->identity;
	question.epoch = sample.epoch;
	if (policy->flags & (packet->at == DIRECTION_INGRESS ? POLICY_INGRESS_CLASSES : POLICY_EGRESS_CLASSES))
		question.peer |= (__u64)class_of(run, peer) << 32;
	decision = decision_place(&question);
	remembered = decision && decision_answers(decision, &question);
	count(remembered ? COUNTER_DECISION_HIT : COUNTER_DECISION_MISS, 0);
	if (remembered)
		answer = decision->answer;
	else
		look_up(&question, sample.policy, policy, &answer);
	if (subject_sample(subject->subject).epoch != sample.epoch)
		return false;
	if (decision && !remembered) {
		decision->question = question;
		decision->answer = answer;
	}
	ruling->origin = answer.origin;
	ruling->reason = answer.reason == REASON_NONE && answer.rule_set ? REASON_NO_PROXY : answer.reason; /* no proxy yet: rules about requests can't be enforced */
	return true;
}

/* What the policy of one end of the packet says about the other, at `packet.at`: CARRY_ON and `run->ruling`, or why it could not be asked. `own_asks`: the subject is the pod at the interface. */
__noinline int rule(struct run *run, bool own_asks)
{
	if (!run)
		return REASON_STALE;
	for (int i = 0; i < ATTEMPTS; i++) {
		if (own_asks ? try_ruling(run, &run->own, &run->far) : try_ruling(run, &run->far, &run->own))
			return CARRY_ON;
	}
	return REASON_STALE;
}
