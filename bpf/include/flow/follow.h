/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The life of a connection: answered, established, finished, reset. Called for the few packets that change something (flow_signal). */
#pragma once

#include "account.h"
#include "put.h"

/* What one direction's packet means for the entry of the other. */
enum flow_news {
	FLOW_NEWS_ANSWERED = 1,
	FLOW_NEWS_ESTABLISHED = 2, /* and its place in the owner's share is claimed already */
	FLOW_NEWS_FINISHED = 4,
	FLOW_NEWS_CLOSED = 8,
};

struct flow_turn {
	__u64 hash;
	__u64 rewrite; /* out: the entry's */
	__u64 rewrite_address[2];
	__u32 index; /* of the bucket */
	__u32 now;
	__u32 owner; /* out: whom the flow is charged to */
	__u16 target; /* out: zone of the other direction's key */
	__u16 guests; /* out */
	__u8 tcp_flags;
	__u8 heard; /* enum flow_news: from the other direction; 0: it is this direction's packet */
	__u8 news; /* out: for the other direction */
	__u8 found; /* out */
	__u8 reply; /* out: it is a reply's entry */
	__u8 pad[3];
};

static __always_inline __u8 flow_established_class(const flow_word *key, const int words)
{
	return flow_protocol(key, words) == IPPROTO_TCP ? FLOW_ESTABLISHED_TCP : FLOW_ESTABLISHED;
}

static __always_inline bool flow_is_young(const struct flow_action *action)
{
	return action->class == FLOW_HALF_OPEN || action->class == FLOW_ONE_WAY;
}

/* The opener's packet after an answer establishes both entries, if its owner's share has room for two more. */
static __always_inline bool flow_may_establish(const struct flow_action *action, __u8 tcp_flags)
{
	return flow_is_young(action) && action->flags & FLOW_ANSWERED && !(action->flags & FLOW_REPLY) && !(tcp_flags & FLOW_SYN);
}

static __always_inline void flow_apply_packet(struct flow_action *action, struct flow_turn *turn, struct flow_shares *shares, const flow_word *key, const int words)
{
	if (action->flags & FLOW_REPLY && !(action->flags & FLOW_ANSWERED)) {
		action->flags |= FLOW_ANSWERED;
		turn->news |= FLOW_NEWS_ANSWERED;
	}
	if (flow_may_establish(action, turn->tcp_flags) && flow_claim(shares, flow_count_of(turn->owner, FLOW_ESTABLISHED), 2)) {
		flow_release(shares, flow_count_of(turn->owner, action->class), 1);
		action->class = flow_established_class(key, words);
		turn->news |= FLOW_NEWS_ESTABLISHED;
	}
	if (turn->tcp_flags & FLOW_FIN) {
		action->flags |= FLOW_FINISHED;
		turn->news |= FLOW_NEWS_FINISHED;
	}
	if (turn->tcp_flags & FLOW_RST || (action->flags & FLOW_FINISHED && action->flags & FLOW_OTHER_FINISHED)) {
		flow_release(shares, flow_count_of(turn->owner, action->class), 1);
		action->class = FLOW_CLOSING;
		turn->news |= FLOW_NEWS_CLOSED;
	}
}

static __always_inline void flow_apply_news(struct flow_action *action, struct flow_turn *turn, struct flow_shares *shares, const flow_word *key, const int words)
{
	if (turn->heard & FLOW_NEWS_ANSWERED)
		action->flags |= FLOW_ANSWERED;
	if (turn->heard & FLOW_NEWS_FINISHED)
		action->flags |= FLOW_OTHER_FINISHED;
	if (turn->heard & FLOW_NEWS_ESTABLISHED && flow_is_young(action)) {
		flow_release(shares, flow_count_of(turn->owner, action->class), 1);
		action->class = flow_established_class(key, words);
		turn->heard &= ~FLOW_NEWS_ESTABLISHED;
	}
	if (turn->heard & FLOW_NEWS_CLOSED && action->class >= FLOW_HALF_OPEN) {
		flow_release(shares, flow_count_of(turn->owner, action->class), 1);
		action->class = FLOW_CLOSING;
	}
}

static __always_inline void flow_turn_bucket(struct flow_turn *turn, const flow_word *key, const int words)
{
	struct flow_bucket *bucket = flow_bucket(turn->index, words);
	struct flow_shares *shares = flow_shares_of_node();
	struct flow_state *state;
	struct flow_action action;
	__u32 way;

	turn->found = 0;
	if (!bucket || !shares)
		return;
	flow_lock(bucket);
	turn->guests = bucket->guests;
	way = flow_way_of(bucket, key, flow_tag(turn->hash), words);
	if (way != FLOW_WAYS) {
		state = flow_state(bucket, way, words);
		action = state->action;
		turn->found = 1;
		turn->target = action.target;
		turn->reply = !!(action.flags & FLOW_REPLY);
		turn->rewrite = flow_is_rewritten(&action) ? action.rewrite : 0;
		if (words == FLOW_WORDS6)
			flow_copy_words((flow_word *)turn->rewrite_address, flow_rewrite_address(state), 2);
		turn->owner = flow_owner(flow_zone(key, words), action.target, action.flags);
		if (action.class >= FLOW_HALF_OPEN && flow_is_alive(turn->now, state->last_seen, action.class)) {
			if (turn->heard)
				flow_apply_news(&action, turn, shares, key, words);
			else
				flow_apply_packet(&action, turn, shares, key, words);
			flow_begin_write(state);
			flow_store_action(state, &action);
			flow_end_write(state);
		}
	}
	flow_unlock(bucket);
}

__noinline int flow_turn4(struct flow_turn *turn, struct flow_key4 *key)
{
	if (!turn || !key)
		return 0;
	flow_turn_bucket(turn, (const flow_word *)key, FLOW_WORDS4);
	return 0;
}

__noinline int flow_turn6(struct flow_turn *turn, struct flow_key6 *key)
{
	if (!turn || !key)
		return 0;
	flow_turn_bucket(turn, (const flow_word *)key, FLOW_WORDS6);
	return 0;
}

static __always_inline void flow_turn_at(__u32 index, struct flow_turn *turn, flow_word *key, const int words)
{
	turn->index = index;
	if (words == FLOW_WORDS4)
		flow_turn4(turn, (struct flow_key4 *)key);
	else
		flow_turn6(turn, (struct flow_key6 *)key);
}

static __always_inline void flow_turn_wherever(struct flow_turn *turn, flow_word *key, const int words)
{
	turn->hash = flow_hash(key, words);
	flow_turn_at(flow_home(turn->hash, flow_mask(words)), turn, key, words);
	if (!turn->found && turn->guests)
		flow_turn_at(flow_second(turn->hash, flow_mask(words)), turn, key, words);
}

static __always_inline int flow_follow(flow_word *key, __u8 tcp_flags, const int words)
{
	struct flow_turn turn = { .now = flow_now(), .tcp_flags = tcp_flags };
	flow_word reverse[FLOW_WORDS6] = { 0 };
	struct flow_shares *shares = flow_shares_of_node();

	flow_turn_wherever(&turn, key, words);
	if (!turn.news || !shares)
		return 0;
	flow_words_other(key, turn.rewrite, turn.rewrite_address, turn.reply, turn.target, reverse, words);
	turn.heard = turn.news;
	turn.news = 0;
	__u32 owner = turn.owner;
	flow_turn_wherever(&turn, reverse, words);
	/* The other direction's entry is gone: it doesn't need its place. */
	if (turn.heard & FLOW_NEWS_ESTABLISHED)
		flow_release(shares, flow_count_of(owner, FLOW_ESTABLISHED), 1);
	return 0;
}

/* The entry with this key is seen now: it lives as long as the one of its other direction does. Like a hit, without the lock. */
static __always_inline int flow_keep(const flow_word *key, const int words)
{
	__s64 place = flow_locate(key, words);
	struct flow_bucket *bucket = place < 0 ? NULL : flow_bucket(place / FLOW_WAYS, words);
	struct flow_state *state;
	__u32 now = flow_now();

	if (!bucket)
		return 0;
	state = flow_state(bucket, place, words);
	if (flow_is_alive(now, FLOW_LOAD(state->last_seen), FLOW_LOAD(state->action.class)))
		FLOW_STORE(state->last_seen, now);
	return 0;
}

__noinline int flow_keep4(struct flow_key4 *key)
{
	return key ? flow_keep((const flow_word *)key, FLOW_WORDS4) : 0;
}

__noinline int flow_keep6(struct flow_key6 *key)
{
	return key ? flow_keep((const flow_word *)key, FLOW_WORDS6) : 0;
}

/* The packet's entry, and that of the other direction, after flow_signal said FLOW_FOLLOW. `tcp_flags`: 0 for other protocols. */
__noinline int flow_follow4(struct flow_key4 *key, __u32 tcp_flags)
{
	return key ? flow_follow((flow_word *)key, tcp_flags, FLOW_WORDS4) : 0;
}

__noinline int flow_follow6(struct flow_key6 *key, __u32 tcp_flags)
{
	return key ? flow_follow((flow_word *)key, tcp_flags, FLOW_WORDS6) : 0;
}
