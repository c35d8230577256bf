/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where drops are counted that no flow entry counts (types/repeats.h). An array, so that a place is never another's under somebody's hands; keys and counts change under the place's lock. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../flow/clock.h"
#include "../flow/hash.h"
#include "../types/repeats.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REPEATS_SETS * REPEATS_WAYS);
	__type(key, __u32);
	__type(value, struct repeats);
} repeats SEC(".maps");

static __always_inline struct repeats *repeats_at(__u32 index)
{
	return bpf_map_lookup_elem(&repeats, &index);
}

static __always_inline bool is_repeats_key(const struct repeats_key *a, const struct repeats_key *b)
{
	return FLOW_LOAD(*(const __u64 *)a) == *(const __u64 *)b;
}

/* Nothing is counted there that nobody has told, and its tick is over. */
static __always_inline bool is_repeats_free(const struct repeats *repeats, __u32 now)
{
	return FLOW_LOAD(repeats->first.packets) == 0 && FLOW_LOAD(repeats->tick) != now;
}

/* The key's place, or one that it may have; to be looked at again under the lock. NULL: the set is full of others that are dropping now. */
static __always_inline struct repeats *repeats_find(const struct repeats_key *key, __u32 now)
{
	__u32 set = flow_hash((const flow_word *)key, 1) >> 32 & (REPEATS_SETS - 1);
	struct repeats *free = NULL;

	for (__u32 way = 0; way < REPEATS_WAYS; way++) {
		struct repeats *repeats = repeats_at(set * REPEATS_WAYS + way);

		if (!repeats)
			return NULL;
		if (is_repeats_key(&repeats->key, key))
			return repeats;
		if (is_repeats_free(repeats, now))
			free = repeats;
	}
	return free;
}
