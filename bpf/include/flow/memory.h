/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Words that other processors read and write at the same time. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"

/* Keys of any family, seen as 64-bit words. */
typedef __u64 __attribute__((may_alias)) flow_word;

/* One load, one store: neither split, repeated nor moved across another of these by the compiler. */
#define FLOW_LOAD(place) (*(const volatile typeof(place) *)&(place))
#define FLOW_STORE(place, value) (*(volatile typeof(place) *)&(place) = (value))

/* Loads before it come before loads after it, stores likewise. Costs nothing where the processor keeps that order by itself; else a locked addition on the stack (BPF has no fence before 6.15). */
static __always_inline void flow_fence(void)
{
	barrier();
	if (flow_weakly_ordered) {
		volatile __u64 mine = 0;

		__sync_fetch_and_add(&mine, 1);
	}
	barrier();
}

/* 1 if negative, else 0: for what must not become a branch, neither clang's (it doesn't see through the barriers) nor the verifier's (newer ones walk both sides of a mask of all ones or none). */
static __always_inline __u64 flow_is_negative(__u64 number)
{
	__u64 bit;

	barrier_var(number);
	bit = number >> 63;
	barrier_var(bit);
	return bit;
}

static __always_inline __u64 flow_is_zero(__u64 number)
{
	return flow_is_negative(number | -number) ^ 1;
}

/*
 * The same number, as one of which the verifier knows nothing: states that differ in what it knew become one, and what follows is walked once. Two instructions, and no branch. `anything`: a whole word
 * of some map.
 */
static __always_inline __u32 flow_unknown(__u64 number, const __u64 *anything)
{
	__u64 other = FLOW_LOAD(*anything);

	asm("%0 += %1\n\t%0 -= %1" : "+r"(number) : "r"(other));
	return number;
}
