/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One visit to one bucket under its lock. Insertions are made of these (put.h); no visit holds two locks. */
#pragma once

#include "choose.h"
#include "guest.h"

enum flow_task {
	FLOW_UPDATE = 1, /* decide an existing entry anew */
	FLOW_PLACE = 2, /* else take a way for a new one */
	FLOW_UNLESS_GUESTS = 4, /* but not while some entries of this bucket are elsewhere: ours may be */
	FLOW_EXPECT_GUEST = 8, /* and if there is no way, count it here: it goes to its second bucket */
	FLOW_REMOVE = 16,
	FLOW_INTO_EMPTY = 64, /* FLOW_PLACE takes nothing from anybody */
	FLOW_LIFT = 32, /* an existing entry gets what `flow_visit` has more: class, flags, counts */
};

enum flow_outcome {
	FLOW_ABSENT = 0,
	FLOW_PRESENT = 1, /* and left alone */
	FLOW_UPDATED = 2, /* was alive and goes on */
	FLOW_PLACED = 3,
	FLOW_RENEWED = 8, /* there, but a new flow begins */
	FLOW_REMOVED = 4,
	FLOW_NO_WAY = 5,
	FLOW_ELSEWHERE = 6, /* perhaps */
	FLOW_COLLIDES = 9, /* there, but as another flow's replies */
	FLOW_TOO_MANY = 7, /* there, but what it should become exceeds its owner's share */
};

struct flow_visit {
	__u64 hash;
	__u64 packet; /* what to count: packets << FLOW_PACKETS_SHIFT + bytes. After FLOW_REMOVE: what the entry had counted; action and origin are its, too */
	struct flow_action action; /* in: wanted; out: the entry's */
	__u64 rewrite_address[2]; /* IPv6: with the action */
	__u32 ingress_origin;
	__u32 now;
	__u32 index; /* of the bucket */
	__u32 place; /* out, when placed: index × FLOW_WAYS + way + 1 */
	__u32 spared; /* a place that is not taken: that of the flow's other direction. At its share, an endpoint replaces entries of its own */
	__u32 version; /* out. In, for FLOW_REMOVE: only this version; 0: any */
	__u32 way; /* in between */
	struct flow_choice choice; /* in between */
	__u16 guests; /* out: how many of this bucket's are elsewhere */
	__u16 tasks; /* enum flow_task */
};

enum {
	FLOW_LASTING_FLAGS = FLOW_ANSWERED | FLOW_FINISHED | FLOW_OTHER_FINISHED,
};

/* Does a decision about this entry begin a new flow? Then the old one has ended. */
static __always_inline bool flow_begins_anew(const struct flow_state *state, const struct flow_visit *visit)
{
	__u8 old = state->action.class, new = visit->action.class;

	if (!flow_is_alive(visit->now, state->last_seen, old))
		return true;
	if (old == FLOW_NEGATIVE || new == FLOW_NEGATIVE)
		return old != new;
	return old == FLOW_CLOSING || (state->action.flags ^ visit->action.flags) & FLOW_REPLY;
}

static __always_inline void flow_rewrite_entry(struct flow_bucket *bucket, __u32 way, struct flow_visit *visit, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);

	flow_begin_write(state);
	flow_store_action(state, &visit->action);
	flow_store_rewrite(state, visit->rewrite_address, words);
	FLOW_STORE(*flow_ingress_origin(bucket, way, words), visit->ingress_origin);
	FLOW_STORE(state->last_seen, visit->now);
	flow_end_write(state);
	visit->version = state->version;
}

/* A flow that is alive keeps its class (it never falls), its history and its counts. */
static __always_inline enum flow_outcome flow_update(struct flow_bucket *bucket, __u32 way, struct flow_visit *visit, struct flow_shares *shares, struct flow_ended *ended, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);
	__u16 zone = flow_zone(flow_state_key(state), words);
	__u32 from = flow_charged_to(&state->action, zone);
	bool anew = flow_begins_anew(state, visit);
	__u64 counter;

	visit->action.flags |= state->action.flags & FLOW_GUEST;
	if (!anew && flow_collides(state, &visit->action, visit->rewrite_address, words))
		return FLOW_COLLIDES;
	if (!anew) {
		visit->action.flags |= state->action.flags & FLOW_LASTING_FLAGS;
		if (visit->action.class < state->action.class)
			visit->action.class = state->action.class;
		if (!flow_recharge(shares, from, flow_charged_to(&visit->action, zone)))
			return FLOW_TOO_MANY;
		flow_rewrite_entry(bucket, way, visit, words);
		__sync_fetch_and_add(&state->counter, visit->packet);
		return FLOW_UPDATED;
	}
	if (!flow_recharge(shares, from, flow_charged_to(&visit->action, zone)))
		return FLOW_TOO_MANY;
	counter = __sync_lock_test_and_set(&state->counter, visit->packet);
	flow_note_end(ended, bucket, way, counter, words);
	flow_rewrite_entry(bucket, way, visit, words);
	return FLOW_RENEWED;
}

/* A way, by the detour of memory that the verifier doesn't follow: it then goes on from here once, and not once for each turn of the loop that found it. */
static __always_inline __u32 flow_forget_how(struct flow_visit *visit, __u32 way)
{
	FLOW_STORE(visit->way, way);
	return FLOW_LOAD(visit->way);
}

static __always_inline __u32 flow_spared_way(const struct flow_visit *visit)
{
	__u32 place = visit->spared - 1;

	return visit->spared && place / FLOW_WAYS == visit->index ? place % FLOW_WAYS : FLOW_WAYS;
}

/* Fills a way that is empty, or whose entry gives way and has ended. */
static __always_inline void flow_fill(struct flow_bucket *bucket, __u32 way, const flow_word *key, struct flow_visit *visit, struct flow_ended *ended, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);

	flow_begin_write(state);
	if (state->action.class != FLOW_EMPTY)
		flow_note_end(ended, bucket, way, __sync_lock_test_and_set(&state->counter, visit->packet), words);
	else /* a hit that came too late for the last entry may have counted here: kept rather than lost */
		__sync_fetch_and_add(&state->counter, visit->packet);
	flow_copy_words(flow_state_key(state), key, words);
	flow_store_action(state, &visit->action);
	flow_store_rewrite(state, visit->rewrite_address, words);
	FLOW_STORE(*flow_ingress_origin(bucket, way, words), visit->ingress_origin);
	FLOW_STORE(state->last_seen, visit->now);
	flow_set_tag(bucket, way, flow_tag(visit->hash), words);
	flow_end_write(state);
	visit->version = state->version;
}

static __always_inline enum flow_outcome flow_place(struct flow_bucket *bucket, const flow_word *key, struct flow_visit *visit, struct flow_shares *shares, struct flow_ended *ended, const int words)
{
	__u16 zone = flow_zone(key, words);
	__u32 to = flow_charged_to(&visit->action, zone), way;
	struct flow_choice *choice = &visit->choice;
	struct flow_state *state;

	choice->now = visit->now;
	choice->class = visit->action.class;
	choice->owner = visit->action.flags & FLOW_TARGET_OWNS ? visit->action.target : zone;
	FLOW_STORE(choice->used_up, flow_share_is_used_up(shares, to));
	FLOW_STORE(choice->spared_way, flow_spared_way(visit));
	way = flow_forget_how(visit, flow_choose(bucket, flow_preferred_way(visit->hash), choice, words));
	if (way == FLOW_WAYS)
		return FLOW_NO_WAY;
	state = flow_state(bucket, way, words);
	if (visit->tasks & FLOW_INTO_EMPTY && state->action.class != FLOW_EMPTY)
		return FLOW_NO_WAY;
	if (!flow_recharge(shares, flow_charged_to(&state->action, flow_zone(flow_state_key(state), words)), to))
		return FLOW_NO_WAY;
	flow_fill(bucket, way, key, visit, ended, words);
	visit->place = visit->index * FLOW_WAYS + way + 1;
	return FLOW_PLACED;
}

static __always_inline enum flow_outcome flow_lift(struct flow_bucket *bucket, __u32 way, struct flow_visit *visit, struct flow_shares *shares, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);
	__u16 zone = flow_zone(flow_state_key(state), words);
	__u32 from = flow_charged_to(&state->action, zone);
	__u8 class = state->action.class;

	/* It may have been denied or closed meanwhile: then it stays so. */
	if (class >= FLOW_HALF_OPEN && class < visit->action.class && flow_recharge(shares, from, flow_count_of(flow_owner(zone, state->action.target, state->action.flags), visit->action.class)))
		class = visit->action.class;
	flow_begin_write(state);
	FLOW_STORE(state->action.class, class);
	FLOW_STORE(state->action.flags, state->action.flags | (visit->action.flags & FLOW_LASTING_FLAGS));
	flow_end_write(state);
	__sync_fetch_and_add(&state->counter, visit->packet);
	return FLOW_UPDATED;
}

static __always_inline enum flow_outcome flow_visit_entry(struct flow_bucket *bucket, __u32 way, struct flow_visit *visit, struct flow_shares *shares, struct flow_ended *ended, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);

	if (visit->tasks & FLOW_UPDATE)
		return flow_update(bucket, way, visit, shares, ended, words);
	if (visit->tasks & FLOW_LIFT)
		return flow_lift(bucket, way, visit, shares, words);
	if (visit->tasks & FLOW_REMOVE && (!visit->version || visit->version == state->version)) {
		visit->action = state->action;
		if (words == FLOW_WORDS6)
			flow_copy_words((flow_word *)visit->rewrite_address, flow_rewrite_address(state), 2);
		visit->ingress_origin = *flow_ingress_origin(bucket, way, words);
		visit->packet = flow_clear(bucket, way, shares, words);
		return FLOW_REMOVED;
	}
	return FLOW_PRESENT;
}

static __always_inline enum flow_outcome flow_visit(struct flow_visit *visit, const flow_word *key, struct flow_ended *ended, const int words)
{
	struct flow_bucket *bucket = flow_bucket(visit->index, words);
	struct flow_shares *shares = flow_shares_of_node();
	enum flow_outcome outcome = FLOW_ABSENT;
	__u32 way;

	if (!bucket || !shares)
		return FLOW_NO_WAY;
	flow_lock(bucket);
	way = flow_forget_how(visit, flow_way_of(bucket, key, flow_tag(visit->hash), words));
	visit->guests = bucket->guests;
	if (way != FLOW_WAYS)
		outcome = flow_visit_entry(bucket, way, visit, shares, ended, words);
	else if (visit->tasks & FLOW_UNLESS_GUESTS && bucket->guests)
		outcome = FLOW_ELSEWHERE;
	else if (visit->tasks & FLOW_PLACE)
		outcome = flow_place(bucket, key, visit, shares, ended, words);
	if (outcome == FLOW_NO_WAY && visit->tasks & FLOW_EXPECT_GUEST)
		flow_count_guest(bucket, 1);
	bucket->layout = FLOW_LAYOUT;
	flow_unlock(bucket);
	return outcome;
}

__noinline int flow_visit4(struct flow_visit *visit, struct flow_key4 *key, struct flow_ended4 *ended)
{
	if (!visit || !key || !ended)
		return FLOW_NO_WAY;
	return flow_visit(visit, (const flow_word *)key, &ended->entry, FLOW_WORDS4);
}

__noinline int flow_visit6(struct flow_visit *visit, struct flow_key6 *key, struct flow_ended6 *ended)
{
	if (!visit || !key || !ended)
		return FLOW_NO_WAY;
	return flow_visit(visit, (const flow_word *)key, &ended->entry, FLOW_WORDS6);
}
