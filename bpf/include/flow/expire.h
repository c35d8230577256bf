/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Reclaiming what is dead or of no use to anybody, and reporting what is quiet. Insertions reclaim too, but only where they need a way. */
#pragma once

#include "guest.h"

enum flow_expired {
	FLOW_NOTHING_EXPIRED = 0,
	FLOW_EXPIRED = 1, /* the entry in `ended` is gone */
	FLOW_QUIET = 2, /* a negative entry had repeats that nobody reported before their tick was over; it stays */
};

/* Ways to do something about: bit 7 of the way's byte. */
static __always_inline __u64 flow_due(struct flow_bucket *bucket, __u32 now, const int words)
{
	__u64 due = 0;

	if (!FLOW_LOAD(*flow_tags(bucket, words)))
		return 0;
	for (__u32 way = 0; way < FLOW_WAYS; way++) {
		struct flow_state *state = flow_state(bucket, way, words);
		__u64 class = FLOW_LOAD(state->action.class) & (FLOW_CLASSES - 1);
		__s64 age = (__s32)(now - FLOW_LOAD(state->last_seen));
		__u64 dead = flow_is_negative(flow_lifetimes[class] - age) & (flow_is_zero(class) ^ 1);
		__u64 unreported = flow_is_zero(FLOW_LOAD(state->counter) >> FLOW_PACKETS_SHIFT) ^ 1;
		__u64 quiet = flow_is_zero(class ^ FLOW_NEGATIVE) & flow_is_negative(-age) & unreported;

		due |= (dead | quiet) << (way * 8 + 7);
	}
	return due;
}

static __always_inline int flow_expire_way(struct flow_bucket *bucket, __u32 way, __u32 now, struct flow_shares *shares, struct flow_ended *ended, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);

	flow_note_end(ended, bucket, way, 0, words);
	if (flow_is_alive(now, state->last_seen, state->action.class)) {
		ended->counter = __sync_lock_test_and_set(&state->counter, 0);
		return FLOW_QUIET;
	}
	ended->counter = flow_clear(bucket, way, shares, words);
	return FLOW_EXPIRED;
}

/* Does one thing about this bucket; call again until it says that there is nothing. */
static __always_inline int flow_expire(__u32 index, struct flow_ended *ended, const int words)
{
	struct flow_bucket *bucket = flow_bucket(index, words);
	struct flow_shares *shares = flow_shares_of_node();
	int expired = FLOW_NOTHING_EXPIRED;
	__u32 now = flow_now();
	__u64 due;

	/* Most buckets have nothing: not worth a lock. */
	if (!bucket || !shares || !flow_due(bucket, now, words))
		return FLOW_NOTHING_EXPIRED;
	flow_lock(bucket);
	due = flow_due(bucket, now, words);
	if (due)
		expired = flow_expire_way(bucket, flow_lowest(due) & (FLOW_WAYS - 1), now, shares, ended, words);
	flow_unlock(bucket);
	if (expired == FLOW_EXPIRED)
		flow_dismiss_ended(ended, words);
	return expired;
}

/* Looks at one way without its lock. The version under which `entry` was there; 0: none was, or it was just changing. */
static __always_inline __u32 flow_peek(__u32 index, __u32 way, struct flow_ended *entry, const int words)
{
	struct flow_bucket *bucket = flow_bucket(index, words);
	struct flow_state *state;
	__u32 version;

	if (!bucket || !(FLOW_LOAD(*flow_tags(bucket, words)) >> way * 8 & 0xff))
		return 0;
	state = flow_state(bucket, way, words);
	version = FLOW_LOAD(state->version);
	flow_fence();
	flow_note_end(entry, bucket, way, 0, words);
	flow_fence();
	return version & 1 || version != FLOW_LOAD(state->version) ? 0 : version;
}

/* Takes out what flow_peek saw, unless it has changed since. */
static __always_inline int flow_evict(__u32 index, __u32 way, __u32 version, struct flow_ended *ended, const int words)
{
	struct flow_bucket *bucket = flow_bucket(index, words);
	struct flow_shares *shares = flow_shares_of_node();
	int expired = FLOW_NOTHING_EXPIRED;

	if (!bucket || !shares)
		return FLOW_NOTHING_EXPIRED;
	flow_lock(bucket);
	if (flow_state(bucket, way, words)->version == version) {
		flow_note_end(ended, bucket, way, 0, words);
		ended->counter = flow_clear(bucket, way, shares, words);
		expired = FLOW_EXPIRED;
	}
	flow_unlock(bucket);
	if (expired == FLOW_EXPIRED)
		flow_dismiss_ended(ended, words);
	return expired;
}

__noinline int flow_evict4(__u32 index, __u32 way, __u32 version, struct flow_ended4 *ended)
{
	return ended ? flow_evict(index, way, version, &ended->entry, FLOW_WORDS4) : FLOW_NOTHING_EXPIRED;
}

__noinline int flow_evict6(__u32 index, __u32 way, __u32 version, struct flow_ended6 *ended)
{
	return ended ? flow_evict(index, way, version, &ended->entry, FLOW_WORDS6) : FLOW_NOTHING_EXPIRED;
}

__noinline int flow_expire4(__u32 index, struct flow_ended4 *ended)
{
	return ended ? flow_expire(index, &ended->entry, FLOW_WORDS4) : FLOW_NOTHING_EXPIRED;
}

__noinline int flow_expire6(__u32 index, struct flow_ended6 *ended)
{
	return ended ? flow_expire(index, &ended->entry, FLOW_WORDS6) : FLOW_NOTHING_EXPIRED;
}
