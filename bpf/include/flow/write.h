/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Changing entries: everything here runs under the bucket's lock, so nothing here may call anything. */
#pragma once

#include "clock.h"
#include "fault.h"
#include "share.h"
#include "translate.h"

/* What had to go (for EVENT_CLOSE; negative: for its last repeats). The key follows it: struct flow_ended4, flow_ended6. */
struct flow_ended {
	__u64 counter; /* packets << FLOW_PACKETS_SHIFT | bytes since the last report */
	struct flow_action action; /* class FLOW_EMPTY: nothing had to go */
	__u32 ingress_origin;
	__u32 pad;
};

struct flow_ended4 {
	struct flow_ended entry;
	struct flow_key4 key;
};

struct flow_ended6 {
	struct flow_ended entry;
	struct flow_key6 key;
};

static __always_inline void flow_lock(struct flow_bucket *bucket)
{
	if (!FLOW_WITHOUT(FLOW_FAULT_LOCK))
		bpf_spin_lock(&bucket->lock);
}

static __always_inline void flow_unlock(struct flow_bucket *bucket)
{
	if (!FLOW_WITHOUT(FLOW_FAULT_LOCK))
		bpf_spin_unlock(&bucket->lock);
}

/* Readers that come between the two distrust what they see. */
static __always_inline void flow_begin_write(struct flow_state *state)
{
	FLOW_STORE(state->version, state->version + 1);
	flow_fence();
}

static __always_inline void flow_end_write(struct flow_state *state)
{
	flow_fence();
	FLOW_STORE(state->version, state->version + 1);
}

static __always_inline void flow_copy_words(flow_word *to, const flow_word *from, const int words)
{
	for (int i = 0; i < words; i++)
		FLOW_STORE(to[i], FLOW_LOAD(from[i]));
}

static __always_inline void flow_store_action(struct flow_state *state, const struct flow_action *action)
{
	flow_copy_words((flow_word *)&state->action, (const flow_word *)action, sizeof(*action) / 8);
}

/* After the action: what of a rewrite has no room there. */
static __always_inline void flow_store_rewrite(struct flow_state *state, const __u64 *address, const int words)
{
	if (words == FLOW_WORDS6)
		flow_copy_words(flow_rewrite_address(state), (const flow_word *)address, 2);
}

/* Two flows of one client may have the same replies: one to a service, one to its backend, or two services. Whose they are says what they become. */
static __always_inline bool flow_collides(struct flow_state *state, const struct flow_action *action, const __u64 *address, const int words)
{
	const flow_word *there = flow_rewrite_address(state);

	if (!(action->flags & FLOW_REPLY) || action->class == FLOW_NEGATIVE)
		return false;
	if (state->action.rewrite != action->rewrite)
		return true;
	return words == FLOW_WORDS6 && action->rewrite && (there[0] ^ address[0]) | (there[1] ^ address[1]);
}

static __always_inline void flow_note_end(struct flow_ended *ended, struct flow_bucket *bucket, __u32 way, __u64 counter, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);

	ended->counter = counter;
	ended->ingress_origin = *flow_ingress_origin(bucket, way, words);
	flow_copy_words((flow_word *)&ended->action, (const flow_word *)&state->action, sizeof(state->action) / 8);
	flow_copy_words((flow_word *)(ended + 1), flow_state_key(state), words);
}

static __always_inline void flow_set_tag(struct flow_bucket *bucket, __u32 way, __u8 tag, const int words)
{
	FLOW_STORE(((__u8 *)flow_tags(bucket, words))[way & (FLOW_WAYS - 1)], tag);
}

static __always_inline __u32 flow_charged_to(const struct flow_action *action, __u16 zone)
{
	return flow_unknown(flow_count_of(flow_owner(zone, action->target, action->flags), action->class), &action->rewrite);
}

/* Takes an entry out; returns what it had counted. */
static __always_inline __u64 flow_clear(struct flow_bucket *bucket, __u32 way, struct flow_shares *shares, const int words)
{
	struct flow_state *state = flow_state(bucket, way, words);
	flow_word *key = flow_state_key(state);
	__u64 counter;

	flow_release(shares, flow_charged_to(&state->action, flow_zone(key, words)), 1);
	flow_begin_write(state);
	for (int i = 0; i < words; i++)
		FLOW_STORE(key[i], 0);
	for (unsigned int i = 0; i < sizeof(state->action) / 8; i++)
		FLOW_STORE(((flow_word *)&state->action)[i], 0);
	counter = __sync_lock_test_and_set(&state->counter, 0);
	flow_set_tag(bucket, way, 0, words);
	flow_end_write(state);
	return counter;
}
