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
#include "policy-entries.h"

static __always_inline struct decision_answer look_up(const struct policy *policy, const struct decision_question *question)
{
	bool ingress = (question->what >> 16 & 3) == DIRECTION_INGRESS;
	union saying saying = { .word = decisive(policy, question->what, question->peer) };
	struct decision_answer answer = { .known = 1 };

	if (saying.used) {
		answer.reason = saying.deny ? REASON_DENY_RULE : REASON_NONE;
		answer.origin = saying.origin;
		answer.rule_set = saying.rule_set;
		return answer;
	}
	answer.reason = policy->flags & (ingress ? POLICY_INGRESS_ISOLATED : POLICY_EGRESS_ISOLATED) ? REASON_POLICY_DENIED : REASON_NONE;
	answer.origin = ingress ? policy->ingress_default_origin : policy->egress_default_origin;
	return answer;
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

/* One of both ends. By arithmetic that the verifier doesn't follow, so that it walks what is done with them once. */
static __always_inline const struct end *end_of(const struct run *run, __u64 far)
{
	barrier_var(far);
	return (const void *)run + offsetof(struct run, own) + (far & 1) * sizeof(struct end);
}

/* The class of either end. The far one's was found with its identity, unless that was taken from a tunnel's header. */
static __always_inline __u32 class_of(const struct run *run, bool far)
{
	const struct packet *packet = &run->packet;
	bool is_destination = far == (packet->side == DIRECTION_EGRESS);
	const struct holder *holder;

	if (far && !is_node_zone(packet->zone))
		return run->far.peer_class;
	holder = holder_of(packet->family, is_destination ? &packet->destination : &packet->source, run->decision.decided);
	return holder ? holder->peer_class : 0;
}

/*
 * What the policy of one end of the packet says about the other, at `packet.at`: CARRY_ON and `run->ruling`, or why it could not be asked. `own_asks`: the subject is the pod at the interface. UNDECIDED: the policy was replaced
 * meanwhile, so that what was read may be half of the old one, half cleared away (design D2: before or after, never between). Nothing is remembered then.
 */
__noinline int rule_once(struct run *run, bool own_asks)
{
	const struct policy *policy;
	struct decision_question question;
	struct decision_answer answer;
	const struct packet *packet;
	struct decision *decision;
	struct subject sample;
	struct ruling *ruling;
	bool remembered;
	__u32 subject;

	if (!run)
		return REASON_STALE;
	packet = &run->packet;
	ruling = &run->ruling;
	subject = end_of(run, !own_asks)->subject;
	sample = subject_sample(subject);
	policy = policy_of_id(sample.policy);
	ruling->reason = REASON_ENDPOINT_NOT_READY;
	if (!policy)
		return CARRY_ON;
	ruling->audit = !!(policy->flags & POLICY_AUDIT);
	question.what = subject | packet->at << 16 | (__u32)packet->protocol << 24 | (__u64)port_of(packet) << 32;
	question.peer = end_of(run, own_asks)->identity;
	question.epoch = sample.epoch;
	if (policy->sizes[(packet->at == DIRECTION_INGRESS ? 0 : POLICY_SPACES) + SPACE_CLASS])
		question.peer |= (__u64)class_of(run, own_asks) << 32;
	decision = decision_place(&question);
	remembered = decision && decision_answers(decision, &question);
	count(remembered ? COUNTER_DECISION_HIT : COUNTER_DECISION_MISS, 0);
	if (remembered)
		answer = decision->answer;
	else
		answer = look_up(policy, &question);
	flow_fence();
	if (subject_sample(subject).epoch != sample.epoch)
		return UNDECIDED;
	if (decision && !remembered) {
		decision->question = question;
		decision->answer = answer;
	}
	ruling->origin = answer.origin;
	ruling->reason = answer.reason == REASON_NONE && answer.rule_set ? REASON_NO_PROXY : answer.reason; /* no proxy yet: rules about requests can't be enforced */
	return CARRY_ON;
}

/* The same, once more if the policy was replaced meanwhile. */
static __always_inline int rule(struct run *run, bool own_asks)
{
	int outcome = rule_once(run, own_asks);

	if (outcome == UNDECIDED)
		outcome = rule_once(run, own_asks);
	return outcome == UNDECIDED ? REASON_STALE : outcome;
}
