/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Making keys and turning them round. */
#pragma once

#include "memory.h"

enum {
	FLOW_WORDS4 = sizeof(struct flow_key4) / 8,
	FLOW_WORDS6 = sizeof(struct flow_key6) / 8,
};

static __always_inline __u64 flow_key_end(__u32 ports, __u16 zone, __u8 protocol)
{
	return ports | (__u64)zone << 32 | (__u64)protocol << 48;
}

static __always_inline void flow_key4_set(struct flow_key4 *key, const void *addresses, __u32 ports, __u16 zone, __u8 protocol)
{
	flow_word *words = (flow_word *)key;

	words[0] = *(const flow_word *)addresses;
	words[1] = flow_key_end(ports, zone, protocol);
}

static __always_inline void flow_key6_set(struct flow_key6 *key, const void *addresses, __u32 ports, __u16 zone, __u8 protocol)
{
	flow_word *words = (flow_word *)key;

	for (int i = 0; i < 4; i++)
		words[i] = ((const flow_word *)addresses)[i];
	words[4] = flow_key_end(ports, zone, protocol);
}

/* Ports change places; the zone becomes that of the other end. */
static __always_inline __u64 flow_end_reversed(__u64 end, __u16 target)
{
	return (end >> 16 & 0xffff) | (end & 0xffff) << 16 | (__u64)target << 32 | (end >> 48 & 0xff) << 48;
}

static __always_inline void flow_words_reverse(const flow_word *key, __u16 target, flow_word *reverse, const int words)
{
	if (words == FLOW_WORDS4) {
		reverse[0] = key[0] >> 32 | key[0] << 32;
	} else {
		reverse[0] = key[2];
		reverse[1] = key[3];
		reverse[2] = key[0];
		reverse[3] = key[1];
	}
	reverse[words - 1] = flow_end_reversed(key[words - 1], target);
}

static __always_inline __u16 flow_zone(const flow_word *key, const int words)
{
	return key[words - 1] >> 32;
}

static __always_inline __u8 flow_protocol(const flow_word *key, const int words)
{
	return key[words - 1] >> 48;
}

static __always_inline void flow_reverse4(const struct flow_key4 *key, __u16 target, struct flow_key4 *reverse)
{
	flow_words_reverse((const flow_word *)key, target, (flow_word *)reverse, FLOW_WORDS4);
}

static __always_inline void flow_reverse6(const struct flow_key6 *key, __u16 target, struct flow_key6 *reverse)
{
	flow_words_reverse((const flow_word *)key, target, (flow_word *)reverse, FLOW_WORDS6);
}
