/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The tables, and what lies where in a bucket. `words` (of the key) stands for the family everywhere: a constant after inlining. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "hash.h"
#include "key.h"

/* BPF_F_MMAPABLE aligns values to pages (a plain array's begin at 56 mod 64); mapping them is refused because of the lock. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOW_BUCKETS_V4);
	__type(key, __u32);
	__type(value, struct flow_bucket4);
} flows_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOW_BUCKETS_V6);
	__type(key, __u32);
	__type(value, struct flow_bucket6);
} flows_v6 SEC(".maps");

_Static_assert(sizeof(struct flow_bucket4) == 64 * FLOW_WAYS, "an IPv4 way is a cache line");
_Static_assert(sizeof(struct flow_bucket6) == 128 * FLOW_WAYS, "an IPv6 way is two cache lines");

/* What every bucket begins with. */
struct flow_bucket {
	struct bpf_spin_lock lock;
	__u16 guests;
	__u16 layout;
};

static __always_inline __u32 flow_mask(const int words)
{
	return words == FLOW_WORDS4 ? flow_mask4 : flow_mask6;
}

static __always_inline struct flow_bucket *flow_bucket(__u32 index, const int words)
{
	if (words == FLOW_WORDS4)
		return bpf_map_lookup_elem(&flows_v4, &index);
	return bpf_map_lookup_elem(&flows_v6, &index);
}

static __always_inline void *flow_way(struct flow_bucket *bucket, __u32 way, const int words)
{
	return (void *)bucket + (way & (FLOW_WAYS - 1)) * (words == FLOW_WORDS4 ? 64 : 128);
}

static __always_inline struct flow_state *flow_state(struct flow_bucket *bucket, __u32 way, const int words)
{
	return flow_way(bucket, way, words) + 8;
}

static __always_inline flow_word *flow_state_key(struct flow_state *state)
{
	return (flow_word *)(state + 1);
}

static __always_inline __u64 *flow_tags(struct flow_bucket *bucket, const int words)
{
	return flow_way(bucket, 1, words);
}

static __always_inline __u32 *flow_ingress_origin(struct flow_bucket *bucket, __u32 way, const int words)
{
	return flow_way(bucket, 2 + (way >> 1 & 3), words) + (way & 1) * 4;
}

/* 0: it is this key's. */
static __always_inline __u64 flow_key_difference(struct flow_state *state, const flow_word *key, const int words)
{
	const flow_word *there = flow_state_key(state);
	__u64 difference = 0;

	for (int i = 0; i < words; i++)
		difference |= FLOW_LOAD(there[i]) ^ key[i];
	return difference;
}

/* Bit 7 of every byte of `tags` that is this tag (never of an empty one: tags have bit 7 set). */
static __always_inline __u64 flow_tag_matches(__u64 tags, __u64 tag)
{
	__u64 difference = tags ^ tag * 0x0101010101010101;

	return ~(((difference & 0x7f7f7f7f7f7f7f7f) + 0x7f7f7f7f7f7f7f7f) | difference | 0x7f7f7f7f7f7f7f7f);
}

/* Number of the lowest byte of which bit 7 is set; `bits` isn't zero. */
static __always_inline __u32 flow_lowest(__u64 bits)
{
	__u64 below = ((bits & -bits) >> 7) - 1;

	return (below & 0x0101010101010101) * 0x0101010101010101 >> 56;
}

/*
 * The way with this key, or FLOW_WAYS. Exact under the lock, a hint without it. Nearly always there is one match at most; leaving the loop early would make the verifier walk all that
 * follows once for each way.
 */
static __always_inline __u32 flow_way_of(struct flow_bucket *bucket, const flow_word *key, __u64 tag, const int words)
{
	__u64 matches = flow_tag_matches(FLOW_LOAD(*flow_tags(bucket, words)), tag), found = FLOW_WAYS;

#pragma clang loop unroll(disable)
	for (int i = 0; i < FLOW_WAYS && matches; i++) {
		__u64 way = flow_lowest(matches) & (FLOW_WAYS - 1);
		__u64 same = flow_is_zero(flow_key_difference(flow_state(bucket, way, words), key, words));

		found += (way - found) * same;
		matches &= matches - 1;
	}
	return found;
}

/* Asks for the cache lines that a visit to the key's home bucket needs, so that they come while something else is waited for. */
static __always_inline void flow_touch(__u64 hash, const int words)
{
	struct flow_bucket *bucket = flow_bucket(flow_home(hash, flow_mask(words)), words);
	__u32 way = flow_preferred_way(hash);

	if (!bucket)
		return;
	(void)FLOW_LOAD(bucket->guests);
	(void)FLOW_LOAD(*flow_tags(bucket, words));
	(void)FLOW_LOAD(flow_state(bucket, way, words)->version);
	(void)FLOW_LOAD(*flow_ingress_origin(bucket, way, words));
}
