/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What policy said last time to the same question: look-ups of up to three keys, each with every size of port block, become one. A subject's index and epoch name one policy for ever (design D2: an edit raises the epoch,
 * an index is never given again with a lower one), so an answer never has to be taken back. Per CPU, so that nobody reads a half-written one.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

enum {
	DECISIONS = 4096,
};

/* All that an answer depends on. */
struct decision_question {
	__u64 what; /* subject | direction << 16 | protocol << 24 | port << 32 */
	__u64 peer; /* identity | class << 32 */
	__u64 epoch; /* the subject's */
};

struct decision_answer {
	__u32 origin;
	__u16 rule_set;
	__u8 reason; /* enum drop_reason; REASON_NONE: allowed */
	__u8 known; /* 0: this place was never used */
};

struct decision {
	struct decision_question question;
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
	__u64 sum = question->what * 0x9e3779b97f4a7c15 + question->peer * 0xbf58476d1ce4e5b9 + question->epoch * 0x94d049bb133111eb;
	__u32 index = sum >> 52;

	return bpf_map_lookup_elem(&decisions, &index);
}

static __always_inline bool decision_answers(const struct decision *decision, const struct decision_question *question)
{
	__u64 difference = (decision->question.what ^ question->what) | (decision->question.peer ^ question->peer) | (decision->question.epoch ^ question->epoch);

	return difference == 0 && decision->answer.known;
}
