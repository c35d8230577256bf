/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The entries of one policy: what they say together about a peer, a protocol and a port. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/policies.h"
#include "../types/reason.h"

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

/* Where the key's buckets begin, in the policy. */
static __always_inline __u32 home_of(const struct policy *policy, __u64 key)
{
	__u64 hash = key * 0x9e3779b97f4a7c15 >> 32;

	return hash * policy->buckets >> 32;
}

/* The entry with this very key, in the bucket `at` or one of those behind it. A function of its own, where it is rare: the verifier walks it once, and not for every size of block of every space. */
__noinline __u64 entry_from(const struct policy *policy, __u64 key, __u32 at)
{
	if (!policy)
		return 0;
	for (int probe = 0; probe < POLICY_PROBES; probe++) {
		const struct policy_bucket *bucket = policy_bucket_at(policy, at);
		__u64 said = bucket ? said_in(bucket, key) : 0;

		if (!bucket || said || !bucket->ways[POLICY_WAYS - 1].key)
			return said;
		at = at + 1 == policy->buckets ? 0 : at + 1;
	}
	return 0;
}

/* The same, for the usual case that it is in the first bucket or nowhere. */
static __always_inline __u64 entry_with(const struct policy *policy, __u64 key)
{
	__u32 at = home_of(policy, key);
	const struct policy_bucket *bucket = policy_bucket_at(policy, at);
	__u64 said = bucket ? said_in(bucket, key) : 0;

	if (!bucket || said || !bucket->ways[POLICY_WAYS - 1].key)
		return said;
	return entry_from(policy, key, at + 1 == policy->buckets ? 0 : at + 1);
}

/*
 * `key` with the smallest block that holds the port, of those sizes; that size is taken out of them. A size is a power of two: the lowest bit set is the smallest, and its negative the mask of a
 * block's first port.
 */
static __always_inline __u64 take_block(__u64 key, __u32 *sizes, __u32 port)
{
	__u32 size = *sizes & -*sizes;
	__u64 block = (port & -size & 0xffff) << 1 | size;

	*sizes ^= size;
	/* Every protocol is protocol 0. */
	if (size == POLICY_EVERY_PROTOCOL)
		key &= ~(255ull << POLICY_KEY_PROTOCOL);
	return key | block << POLICY_KEY_BLOCK;
}

/* The entry of the smallest block, of the sizes that the first look-ups left. Rare, as above. */
__noinline __u64 entry_of_wider(const struct policy *policy, __u64 key, __u32 sizes, __u32 port)
{
	__u64 said = 0;

	if (!policy)
		return 0;
	for (int i = 0; i < 18 && sizes && !said; i++) {
		__u64 whole = take_block(key, &sizes, port);

		said = entry_from(policy, whole, home_of(policy, whole));
	}
	return said;
}

enum {
	COMMON_SIZES = 3, /* that are looked for without a call: one port, every port, every protocol */
};

/* The entry of the smallest block that holds the port, of the sizes that occur. `key`: all but the block. */
static __always_inline __u64 find_entry(const struct policy *policy, __u64 key, __u32 sizes, __u32 port)
{
	for (int i = 0; i < COMMON_SIZES && sizes; i++) {
		__u64 said = entry_with(policy, take_block(key, &sizes, port));

		if (said)
			return said;
	}
	return sizes ? entry_of_wider(policy, key, sizes, port) : 0;
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
