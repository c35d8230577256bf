/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Compiled policy: the policy in force for a subject, and its entries. Written by the agent only. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../types/policy.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SUBJECTS);
	__type(key, __u32);
	__type(value, struct subject);
} subjects SEC(".maps");

/* BPF_F_MMAPABLE for their alignment: a plain array's values begin at 56 mod 64, and each would lie in two cache lines. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, POLICIES);
	__type(key, __u32);
	__type(value, struct policy);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, POLICY_BUCKETS);
	__type(key, __u32);
	__type(value, struct policy_bucket);
} policy_entries SEC(".maps");

/* Index and epoch in one load: never the one of before an edit with the other of after it (design D2). No such subject: policy 0. */
static __always_inline struct subject subject_sample(__u32 index)
{
	const struct subject *subject = bpf_map_lookup_elem(&subjects, &index);
	union {
		__u64 word;
		struct subject subject;
	} sample = { 0 };

	if (subject)
		sample.word = *(volatile const __u64 *)subject;
	return sample.subject;
}

static __always_inline __u32 subject_epoch(__u32 index)
{
	const struct subject *subject = bpf_map_lookup_elem(&subjects, &index);

	return subject ? subject->epoch : 0;
}

/* NULL: there is no such policy. */
static __always_inline const struct policy *policy_of_id(__u32 id)
{
	return id ? bpf_map_lookup_elem(&policies, &id) : NULL;
}
