/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Putting one entry into one of its two buckets. README: invariants 3 to 5. */
#pragma once

#include "work.h"

static __always_inline int flow_visit_at(__u32 index, __u16 tasks, struct flow_visit *visit, flow_word *key, struct flow_ended *ended, const int words)
{
	visit->index = index;
	visit->tasks = tasks;
	if (words == FLOW_WORDS4)
		return flow_visit4(visit, (struct flow_key4 *)key, (struct flow_ended4 *)ended);
	return flow_visit6(visit, (struct flow_key6 *)key, (struct flow_ended6 *)ended);
}

/* If both buckets have the key, home wins, and gets what the guest had. If somebody has just removed the one at home, the guest goes there itself. */
static __always_inline void flow_settle_duplicate(struct flow_visit *visit, flow_word *key, struct flow_ended *ended, const int words)
{
	__u32 home = flow_home(visit->hash, flow_mask(words));
	struct flow_work *work = flow_work();
	int outcome;

	if (!work)
		return;
	work->guest.hash = visit->hash;
	work->guest.now = visit->now;
	work->guest.version = 0;
	work->guest.spared = 0;
	if (flow_visit_at(flow_second(visit->hash, flow_mask(words)), FLOW_REMOVE, &work->guest, key, ended, words) != FLOW_REMOVED)
		return;
	flow_dismiss(home, words);
	work->guest.action.flags &= ~FLOW_GUEST;
	outcome = flow_visit_at(home, FLOW_LIFT | FLOW_PLACE | FLOW_INTO_EMPTY, &work->guest, key, ended, words);
	if (outcome != FLOW_NO_WAY)
		return;
	/* And its way is taken: the flow has ended. One record is all there is: what doesn't fit is told with another flow's rather than lost. */
	if (ended->action.class != FLOW_EMPTY) {
		ended->counter += work->guest.packet;
		return;
	}
	ended->counter = work->guest.packet;
	ended->action = work->guest.action;
	ended->ingress_origin = work->guest.ingress_origin;
	flow_copy_words((flow_word *)(ended + 1), key, words);
}

/* The home bucket is full and expects our entry as a guest elsewhere. */
static __always_inline int flow_put_second(struct flow_visit *visit, flow_word *key, struct flow_ended *ended, const int words)
{
	__u32 home = flow_home(visit->hash, flow_mask(words));
	int outcome;

	visit->action.flags |= FLOW_GUEST;
	outcome = flow_visit_at(flow_second(visit->hash, flow_mask(words)), FLOW_UPDATE | FLOW_PLACE, visit, key, ended, words);
	if (outcome != FLOW_PLACED) {
		flow_dismiss(home, words);
		return outcome;
	}
	flow_dismiss_ended(ended, words);
	if (!FLOW_WITHOUT(FLOW_FAULT_POST_CHECK) && flow_visit_at(home, 0, visit, key, ended, words) == FLOW_PRESENT)
		flow_settle_duplicate(visit, key, ended, words);
	return outcome;
}

/* Some entries at home here lie in their second buckets: ours may be there. */
static __always_inline int flow_put_with_guests(struct flow_visit *visit, flow_word *key, struct flow_ended *ended, const int words)
{
	int outcome = flow_visit_at(flow_second(visit->hash, flow_mask(words)), FLOW_UPDATE, visit, key, ended, words);

	if (outcome != FLOW_ABSENT)
		return outcome;
	outcome = flow_visit_at(flow_home(visit->hash, flow_mask(words)), FLOW_UPDATE | FLOW_PLACE | FLOW_EXPECT_GUEST, visit, key, ended, words);
	if (outcome == FLOW_NO_WAY)
		return flow_put_second(visit, key, ended, words);
	if (outcome == FLOW_PLACED) {
		flow_dismiss_ended(ended, words);
		if (!FLOW_WITHOUT(FLOW_FAULT_POST_CHECK))
			flow_settle_duplicate(visit, key, ended, words);
	}
	return outcome;
}

/* On from a first visit that ended with `outcome`: the home bucket is full, or has guests elsewhere. */
static __always_inline int flow_put_beyond(struct flow_visit *visit, flow_word *key, struct flow_ended *ended, int outcome, const int words)
{
	return outcome == FLOW_ELSEWHERE ? flow_put_with_guests(visit, key, ended, words) : flow_put_second(visit, key, ended, words);
}

__noinline int flow_put_beyond4(struct flow_visit *visit, struct flow_key4 *key, struct flow_ended4 *ended, int outcome)
{
	if (!visit || !key || !ended)
		return FLOW_NO_WAY;
	return flow_put_beyond(visit, (flow_word *)key, &ended->entry, outcome, FLOW_WORDS4);
}

__noinline int flow_put_beyond6(struct flow_visit *visit, struct flow_key6 *key, struct flow_ended6 *ended, int outcome)
{
	if (!visit || !key || !ended)
		return FLOW_NO_WAY;
	return flow_put_beyond(visit, (flow_word *)key, &ended->entry, outcome, FLOW_WORDS6);
}

/* FLOW_UPDATED, FLOW_PLACED, FLOW_RENEWED; else refused. */
static __always_inline int flow_put(struct flow_visit *visit, flow_word *key, struct flow_ended *ended, const int words)
{
	int outcome;

	visit->hash = flow_hash(key, words);
	visit->action.flags &= ~FLOW_GUEST;
	ended->action.class = FLOW_EMPTY;
	outcome = flow_visit_at(flow_home(visit->hash, flow_mask(words)), FLOW_UPDATE | FLOW_PLACE | FLOW_UNLESS_GUESTS | FLOW_EXPECT_GUEST, visit, key, ended, words);
	if (outcome == FLOW_ELSEWHERE || outcome == FLOW_NO_WAY) {
		if (words == FLOW_WORDS4)
			return flow_put_beyond4(visit, (struct flow_key4 *)key, (struct flow_ended4 *)ended, outcome);
		return flow_put_beyond6(visit, (struct flow_key6 *)key, (struct flow_ended6 *)ended, outcome);
	}
	if (outcome == FLOW_PLACED)
		flow_dismiss_ended(ended, words);
	return outcome;
}
