/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What policy said last time to the same question: three look-ups in a trie become one in an array. A subject's index and epoch name one policy for ever (design D2: an edit raises the epoch,
 * an index is never given again with a lower one), so an answer never has to be taken back. Per CPU, so that nobody reads a half-written one.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

enum {
	DECISIONS = 4096,
};

/* All that an answer depends on. Padding is zero. */
struct decision_question {
	__u16 subject;
	__u8 direction; /* enum direction */
	__u8 protocol;
	__u8 port[2]; /* as in struct policy_key */
	__u8 pad[2];
	__u32 epoch; /* the subject's */
	__u32 peer;
	__u32 peer_class;
};

struct decision_answer {
	__u32 origin;
	__u16 rule_set;
	__u8 reason; /* enum drop_reason; REASON_NONE: allowed */
	__u8 known; /* 0: this place was never used */
};

struct decision {
	struct decision_question question;
	__u32 pad;
	struct decision_answer answer;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECISIONS);
	__type(key, __u32);
	__type(value, struct decision);
} decisions SEC(".maps");

/* The place where an answer to the question is, or belongs. */
static __always_inline struct decision *decision_place(const struct decision_question *question)
{
	const __u32 *words = (const __u32 *)question;
	__u64 hash = 0;
	__u32 index;

	for (__u32 i = 0; i < sizeof(*question) / sizeof(*words); i++)
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
	index = hash >> 52;
	return bpf_map_lookup_elem(&decisions, &index);
}

static __always_inline bool decision_answers(const struct decision *decision, const struct decision_question *question)
{
	const __u32 *asked = (const __u32 *)&decision->question;
	const __u32 *words = (const __u32 *)question;
	__u32 difference = 0;

	for (__u32 i = 0; i < sizeof(*question) / sizeof(*words); i++)
		difference |= asked[i] ^ words[i];
	return difference == 0 && decision->answer.known;
}
