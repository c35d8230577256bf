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

/* What an entry says, as one word; 0: there is none. */
union saying {
	__u64 word;
	struct {
		__u32 origin;
		__u16 rule_set;
		__u8 deny;
		__u8 used;
	};
};

static __always_inline const struct policy_bucket *policy_bucket_at(const struct policy *policy, __u32 at)
{
	__u32 index = policy->first + at;

	return bpf_map_lookup_elem(&policy_entries, &index);
}

/* What a bucket says of this very key. */
static __always_inline __u64 said_in(const struct policy_bucket *bucket, __u64 key)
{
	for (int way = 0; way < POLICY_WAYS; way++) {
		if (bucket->ways[way].key == key)
			return ((const union saying *)&bucket->ways[way].origin)->word;
	}
	return 0;
}

/* On from a bucket that is full of others. Rare, and a function of its own: the verifier walks it once, and not for every size of block of every space. */
__noinline __u64 entry_beyond(const struct policy *policy, __u64 key, __u32 at)
{
	if (!policy)
		return 0;
	for (int probe = 1; probe < POLICY_PROBES; probe++) {
		const struct policy_bucket *bucket;
		__u64 said;

		at = at + 1 == policy->buckets ? 0 : at + 1;
		bucket = policy_bucket_at(policy, at);
		said = bucket ? said_in(bucket, key) : 0;
		if (!bucket || said || !bucket->ways[POLICY_WAYS - 1].key)
			return said;
	}
	return 0;
}

/* The entry with this very key. */
static __always_inline __u64 entry_with(const struct policy *policy, __u64 key)
{
	__u64 hash = key * 0x9e3779b97f4a7c15 >> 32;
	__u32 at = hash * policy->buckets >> 32;
	const struct policy_bucket *bucket = policy_bucket_at(policy, at);
	__u64 said = bucket ? said_in(bucket, key) : 0;

	if (!bucket || said || !bucket->ways[POLICY_WAYS - 1].key)
		return said;
	return entry_beyond(policy, key, at);
}

/*
 * The entry of the smallest block that holds the port, of the sizes that occur. A size is a power of two: the lowest bit set is the smallest, and its negative the mask of a block's first port.
 * `key`: all but the block.
 */
static __always_inline __u64 find_entry(const struct policy *policy, __u64 key, __u32 sizes, __u32 port)
{
	__u64 said = 0;

	for (int i = 0; i < 18 && sizes && !said; i++) {
		__u32 size = sizes & -sizes;
		__u64 block = (port & -size & 0xffff) << 1 | size;

		/* Every protocol is protocol 0. */
		if (size == POLICY_EVERY_PROTOCOL)
			key &= ~(255ull << POLICY_KEY_PROTOCOL);
		said = entry_with(policy, key | block << POLICY_KEY_BLOCK);
		sizes ^= size;
	}
	return said;
}

static __always_inline union saying say_of(const struct policy *policy, __u64 what, enum policy_space space, __u32 peer)
{
	__u64 direction = what >> 16 & 3, protocol = what >> 24 & 255;
	__u64 key = peer | protocol << POLICY_KEY_PROTOCOL | (__u64)space << POLICY_KEY_SPACE | direction << POLICY_KEY_DIRECTION;
	__u32 sizes = policy->sizes[direction == DIRECTION_INGRESS ? space : POLICY_SPACES + space];
	union saying saying = { .word = sizes ? find_entry(policy, key, sizes, what >> 32) : 0 };

	return saying;
}

/* Any deny denies, else any allow allows; 0: the default holds. `what`, `peer`: of the question. One function for all three look-ups: calls are what costs. */
__noinline __u64 decisive(const struct policy *policy, __u64 what, __u64 peer)
{
	__u32 class_number = peer >> 32;
	union saying identity, any, class = { 0 };

	if (!policy)
		return 0;
	identity = say_of(policy, what, SPACE_IDENTITY, peer);
	any = say_of(policy, what, SPACE_ANY, 0);
	if (class_number)
		class = say_of(policy, what, SPACE_CLASS, class_number);
	if (identity.deny)
		return identity.word;
	if (class.deny)
		return class.word;
	if (any.deny)
		return any.word;
	return identity.used ? identity.word : class.used ? class.word : any.word;
}

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
	if (policy->sizes[(packet->at == DIRECTION_INGRESS ? 0 : POLICY_SPACES) + SPACE_CLASS])
		question.peer |= (__u64)class_of(run, peer) << 32;
	decision = decision_place(&question);
	remembered = decision && decision_answers(decision, &question);
	count(remembered ? COUNTER_DECISION_HIT : COUNTER_DECISION_MISS, 0);
	if (remembered)
		answer = decision->answer;
	else
		answer = look_up(policy, &question);
	flow_fence();
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
