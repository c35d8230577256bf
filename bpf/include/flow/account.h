/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Counting packets, and what a packet means beyond being one more. */
#pragma once

#include <linux/in.h>

#include "find.h"

enum flow_tcp_flags {
	FLOW_FIN = 0x01,
	FLOW_SYN = 0x02,
	FLOW_RST = 0x04,
	FLOW_ACK = 0x10,
};

/* What flow_account says. */
enum flow_accounted {
	FLOW_TICKED = 1, /* the entry's first packet since the clock ticked: time to report a negative entry's repeats */
	FLOW_FULL = 2, /* the counter is half full: harvest it (flow_take) and report */
};

/* One more packet of so many bytes, seen now. After flow_is_current, once per packet. The addition is locked: plain ones lose 15 % when two processors share an entry. */
static __always_inline __u32 flow_account(const struct flow_found *found, __u32 bytes)
{
	struct flow_state *state = found->state;
	__u32 accounted = FLOW_LOAD(state->counter) >> 63 ? FLOW_FULL : 0;

	__sync_fetch_and_add(&state->counter, (1ULL << FLOW_PACKETS_SHIFT) + bytes);
	if (found->last_seen != found->now) {
		FLOW_STORE(state->last_seen, found->now);
		accounted |= FLOW_TICKED;
	}
	return accounted;
}

/* Takes what was counted out of the entry: packets << FLOW_PACKETS_SHIFT | bytes. */
static __always_inline __u64 flow_take(const struct flow_found *found)
{
	return __sync_lock_test_and_set(&found->state->counter, 0);
}

/* What a packet means for its entry. */
enum flow_signal {
	FLOW_PLAIN = 0,
	FLOW_FOLLOW = 1, /* call flow_follow4/6, then go on: first answer, acknowledgement, FIN, RST */
	FLOW_REOPENS = 2, /* a bare SYN on an established or closing connection: decide anew */
};

/* For packets of young, closing and negative entries, and those that carry SYN, FIN or RST. */
static __always_inline enum flow_signal flow_unusual_signal(const struct flow_action *action, __u8 tcp_flags)
{
	bool bare_syn = (tcp_flags & (FLOW_SYN | FLOW_ACK)) == FLOW_SYN;

	if (action->class == FLOW_NEGATIVE)
		return FLOW_PLAIN;
	if (bare_syn && (action->class >= FLOW_ESTABLISHED || action->class == FLOW_CLOSING))
		return FLOW_REOPENS;
	if (action->class == FLOW_CLOSING)
		return FLOW_PLAIN;
	if (tcp_flags & FLOW_RST || (tcp_flags & FLOW_FIN && !(action->flags & FLOW_FINISHED)))
		return FLOW_FOLLOW;
	if (action->class >= FLOW_ESTABLISHED)
		return FLOW_PLAIN;
	if (action->flags & FLOW_REPLY)
		return action->flags & FLOW_ANSWERED ? FLOW_PLAIN : FLOW_FOLLOW;
	/* The opener spoke after an answer; a repeated SYN doesn't count. */
	return action->flags & FLOW_ANSWERED && !(tcp_flags & FLOW_SYN) ? FLOW_FOLLOW : FLOW_PLAIN;
}

/* `tcp_flags`: 0 for other protocols. */
static __always_inline enum flow_signal flow_signal(const struct flow_action *action, __u8 tcp_flags)
{
	if (action->class >= FLOW_ESTABLISHED && !(tcp_flags & (FLOW_SYN | FLOW_FIN | FLOW_RST)))
		return FLOW_PLAIN;
	return flow_unusual_signal(action, tcp_flags);
}
