/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The hit path. */
#pragma once

#include "bucket.h"
#include "clock.h"
#include "fault.h"
#include "translate.h"

/* What the look-up found. */
struct flow_found {
	struct flow_state *state; /* in the table: only flow_account and flow_take may touch it */
	__u32 now; /* ticks */
	__u32 last_seen; /* before this packet */
	struct flow_action action; /* a consistent copy */
};

/* Copies the action if the entry is this key's throughout. */
static __always_inline bool flow_read(struct flow_state *state, const flow_word *key, struct flow_found *found, const int words)
{
	__u32 version = FLOW_LOAD(state->version);
	const flow_word *from = (const flow_word *)&state->action;
	flow_word *to = (flow_word *)&found->action;

	flow_fence();
	if (flow_key_difference(state, key, words))
		return false;
	for (unsigned int i = 0; i < sizeof(found->action) / 8; i++)
		to[i] = FLOW_LOAD(from[i]);
	found->last_seen = FLOW_LOAD(state->last_seen);
	flow_fence();
	if (FLOW_WITHOUT(FLOW_FAULT_RECHECK))
		return true;
	return !(version & 1) && version == FLOW_LOAD(state->version);
}

/* IPv6: the address of an entry's rewrite, as consistent as the rest. */
static __always_inline bool flow_read_rewrite6(struct flow_state *state, const struct flow_key6 *key, __u64 rewrite, __u64 *address)
{
	__u32 version = FLOW_LOAD(state->version);

	flow_fence();
	if (flow_key_difference(state, (const flow_word *)key, FLOW_WORDS6) || FLOW_LOAD(state->action.rewrite) != rewrite)
		return false;
	address[0] = FLOW_LOAD(flow_rewrite_address(state)[0]);
	address[1] = FLOW_LOAD(flow_rewrite_address(state)[1]);
	flow_fence();
	return !(version & 1) && version == FLOW_LOAD(state->version);
}

/* Where the entry lies, if not in its preferred way: bucket × FLOW_WAYS + way; negative: nowhere. A hint: it may move on. */
static __always_inline __s64 flow_locate(const flow_word *key, const int words)
{
	__u64 hash = flow_hash(key, words);
	__u32 index = flow_home(hash, flow_mask(words));
	struct flow_bucket *bucket = flow_bucket(index, words);
	__u32 way, guests;

	if (!bucket)
		return -1;
	guests = FLOW_LOAD(bucket->guests); /* before the tags, which lie in another cache line */
	way = flow_way_of(bucket, key, flow_tag(hash), words);
	if (way == FLOW_WAYS && guests) {
		index = flow_second(hash, flow_mask(words));
		bucket = flow_bucket(index, words);
		if (!bucket)
			return -1;
		way = flow_way_of(bucket, key, flow_tag(hash), words);
	}
	return way == FLOW_WAYS ? -1 : (__s64)index * FLOW_WAYS + way;
}

__noinline __s64 flow_locate4(struct flow_key4 *key)
{
	return key ? flow_locate((const flow_word *)key, FLOW_WORDS4) : -1;
}

__noinline __s64 flow_locate6(struct flow_key6 *key)
{
	return key ? flow_locate((const flow_word *)key, FLOW_WORDS6) : -1;
}

/* Whether one of the key's two buckets may have it. New flows seldom match a tag, and are spared the call. */
static __always_inline bool flow_may_hold(struct flow_bucket *home, __u64 hash, const int words)
{
	__u64 guests = FLOW_LOAD(home->guests);

	return guests | flow_tag_matches(FLOW_LOAD(*flow_tags(home, words)), flow_tag(hash));
}

/* The preferred way is looked at before the tags: at half load three quarters of the entries lie there, and cost one cache line. */
static __always_inline bool flow_find(const flow_word *key, struct flow_found *found, const int words)
{
	__u64 hash = flow_hash(key, words);
	struct flow_bucket *bucket = flow_bucket(flow_home(hash, flow_mask(words)), words);
	__s64 place;

	if (!bucket)
		return false;
	found->now = flow_now();
	found->state = flow_state(bucket, flow_preferred_way(hash), words);
	if (!flow_read(found->state, key, found, words)) {
		if (!flow_may_hold(bucket, hash, words))
			return false;
		place = words == FLOW_WORDS4 ? flow_locate4((struct flow_key4 *)key) : flow_locate6((struct flow_key6 *)key);
		if (place < 0)
			return false;
		bucket = flow_bucket(place / FLOW_WAYS, words);
		if (!bucket)
			return false;
		found->state = flow_state(bucket, place, words);
		if (!flow_read(found->state, key, found, words))
			return false;
	}
	return flow_is_alive(found->now, found->last_seen, found->action.class);
}

/* Looks the packet's entry up, without a helper call. False: none, expired, or just changing (the slow path decides again: safe). Doesn't say whether the entry is current. */
static __always_inline bool flow_find4(const struct flow_key4 *key, struct flow_found *found)
{
	return flow_find((const flow_word *)key, found, FLOW_WORDS4);
}

static __always_inline bool flow_find6(const struct flow_key6 *key, struct flow_found *found)
{
	return flow_find((const flow_word *)key, found, FLOW_WORDS6);
}
