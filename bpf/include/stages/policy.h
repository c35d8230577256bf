/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One direction of one subject's policy. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/counters.h"
#include "../maps/decisions.h"
#include "../maps/policies.h"
#include "../parse/inquiry.h"
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
		.direction = question->direction,
		.space = space,
		.peer = peer,
		.protocol = question->protocol,
		.port = { question->port[0], question->port[1] },
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
	const struct policy_entry *identity = find_entry(question, policy, SPACE_IDENTITY, question->peer);
	const struct policy_entry *class = question->peer_class ? find_entry(question, policy, SPACE_CLASS, question->peer_class) : NULL;
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
	bool ingress = question->direction == DIRECTION_INGRESS;
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

/*
 * One attempt. False: the policy was replaced meanwhile, so that what was read may be half of the old one, half cleared away (design D2: before or after, never between). Nothing is
 * remembered then.
 */
static __always_inline bool try_ruling(const struct inquiry *inquiry, struct end *peer, struct ruling *ruling)
{
	struct subject subject = subject_sample(inquiry->subject);
	const struct policy *policy = policy_of_id(subject.policy);
	struct decision_question question = {
		.subject = inquiry->subject,
		.direction = inquiry->direction,
		.protocol = inquiry->protocol,
		.port = { inquiry->port[0], inquiry->port[1] },
		.epoch = subject.epoch,
		.peer = peer->identity,
	};
	struct decision_answer answer;
	struct decision *decision;
	bool remembered;

	ruling->reason = REASON_ENDPOINT_NOT_READY;
	if (!policy)
		return true;
	ruling->audit = !!(policy->flags & POLICY_AUDIT);
	if (policy->flags & (inquiry->direction == DIRECTION_INGRESS ? POLICY_INGRESS_CLASSES : POLICY_EGRESS_CLASSES))
		question.peer_class = class_of(peer);
	decision = decision_place(&question);
	remembered = decision && decision_answers(decision, &question);
	count(remembered ? COUNTER_DECISION_HIT : COUNTER_DECISION_MISS, 0);
	if (remembered)
		answer = decision->answer;
	else
		look_up(&question, subject.policy, policy, &answer);
	if (subject_sample(inquiry->subject).epoch != subject.epoch)
		return false;
	if (decision && !remembered) {
		decision->question = question;
		decision->answer = answer;
	}
	ruling->origin = answer.origin;
	ruling->reason = answer.reason == REASON_NONE && answer.rule_set ? REASON_NO_PROXY : answer.reason; /* no proxy yet: rules about requests can't be enforced */
	return true;
}

/* CARRY_ON, or why the policy could not be asked. */
__noinline int rule(struct inquiry *inquiry, struct end *peer, struct ruling *ruling)
{
	if (!inquiry || !peer || !ruling)
		return REASON_STALE;
	for (int i = 0; i < ATTEMPTS; i++) {
		if (try_ruling(inquiry, peer, ruling))
			return CARRY_ON;
	}
	return REASON_STALE;
}
