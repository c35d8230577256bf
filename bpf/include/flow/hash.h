/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a key to its places. One 64-bit hash: bits 0 … 23 home bucket, 24 … 47 second bucket, 48 … 50 preferred way, 57 … 63 tag. */
#pragma once

#include "memory.h"

/* Each word is scrambled by itself, so that the multiplications run side by side; the last one mixes the sum. */
static __always_inline __u64 flow_hash(const flow_word *key, const int words)
{
	__u64 sum = 0;

	for (int i = 0; i < words; i++) {
		__u64 word = (key[i] ^ flow_seed[i]) * (flow_seed[i + 1] | 1);

		sum += word ^ word >> 32;
	}
	sum *= flow_seed[0] | 1;
	return sum ^ sum >> 32;
}

static __always_inline __u32 flow_home(__u64 hash, __u32 mask)
{
	return hash & mask;
}

/* Never the home bucket: they differ in the lowest bit. */
static __always_inline __u32 flow_second(__u64 hash, __u32 mask)
{
	return (hash ^ (hash >> 24 | 1)) & mask;
}

static __always_inline __u32 flow_preferred_way(__u64 hash)
{
	return hash >> 48 & (FLOW_WAYS - 1);
}

/* 0x80 … 0xff; 0 is an empty way. */
static __always_inline __u64 flow_tag(__u64 hash)
{
	return hash >> 57 | 0x80;
}
