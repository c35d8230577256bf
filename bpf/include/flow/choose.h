/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which way a new entry may take. Without branches: one for each way would run the verifier for minutes. */
#pragma once

#include "write.h"

enum {
	FLOW_UNUSABLE = 62, /* bit of a score */
};

struct flow_choice {
	__u32 now;
	__u32 owner;
	__u32 spared_way; /* FLOW_WAYS: none */
	__u64 used_up; /* 1: its owner's share is: only young entries of its own may go */
	__u8 class; /* of the new entry */
};

/* The less the sooner it goes: dead before alive, low class before high, long silent before lately seen; the way in the lowest byte. */
static __always_inline __u64 flow_score(struct flow_state *state, __u32 way, const struct flow_choice *choice, const int words)
{
	__u64 class = state->action.class & (FLOW_CLASSES - 1), zone = flow_zone(flow_state_key(state), words);
	__s64 age = (__s32)(choice->now - FLOW_LOAD(state->last_seen));
	__u64 dead = flow_is_negative(flow_lifetimes[class] - age);
	__u64 lower = flow_is_negative(class - choice->class);
	__u64 young = (1 << FLOW_HALF_OPEN | 1 << FLOW_ONE_WAY) >> class & 1;
	__u64 target_owns = state->action.flags / FLOW_TARGET_OWNS & 1;
	__u64 own = flow_is_zero((zone ^ target_owns * (zone ^ state->action.target)) ^ choice->owner);
	__u64 spared = flow_is_zero(way ^ choice->spared_way);
	__u64 usable = ((choice->used_up & own & young) | ((choice->used_up ^ 1) & (dead | lower))) & (spared ^ 1);

	return class * (dead ^ 1) << 40 | (__u64)(~(__u32)age) << 8 | way | (usable ^ 1) << FLOW_UNUSABLE;
}

/* FLOW_WAYS: none. */
static __always_inline __u32 flow_choose(struct flow_bucket *bucket, __u32 preferred, const struct flow_choice *choice, const int words)
{
	__u64 empty = ~*flow_tags(bucket, words) & 0x8080808080808080;
	__u64 best = 1ULL << FLOW_UNUSABLE;

	if (!choice->used_up && empty)
		return empty >> (preferred * 8 + 7) & 1 ? preferred : flow_lowest(empty) & (FLOW_WAYS - 1);
	for (__u32 way = 0; way < FLOW_WAYS; way++) {
		__u64 less = flow_score(flow_state(bucket, way, words), way, choice, words) - best;

		best += less * flow_is_negative(less);
	}
	return best >> FLOW_UNUSABLE ? FLOW_WAYS : best & (FLOW_WAYS - 1);
}
