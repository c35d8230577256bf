/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Storing what the slow path decided: a flow that may go on, in both directions, or one that may not. */
#pragma once

#include "account.h"
#include "put.h"

/* What the slow path found out about the packet in hand. */
struct flow_decision {
	__u64 rewrite; /* of the original direction (translate.h); 0: none */
	__u64 reply_rewrite;
	__u32 decided; /* flow_sample() before the first read */
	__u32 identity; /* of the end that is no local endpoint; 0 where both are */
	__u32 egress_origin;
	__u32 ingress_origin;
	__u32 bytes; /* length of the packet in hand; flow_open counts it */
	__u16 target; /* zone of the destination: where replies will come in */
	__u8 reason; /* flow_deny: enum drop_reason */
	__u8 tcp_flags; /* of the packet in hand; 0 for other protocols */
	__u8 reply; /* the packet in hand is a reply (design D3): it counts in the reply's entry */
	__u8 flags; /* FLOW_RELATED; for flow_deny also FLOW_AT_INGRESS */
	__u8 pad[6];
	__u64 rewrite_address[2]; /* IPv6: with the rewrites */
	__u64 reply_rewrite_address[2];
};

enum flow_stored {
	FLOW_STORED = 0,
	FLOW_COLLIDED = 2, /* another flow has these replies; nothing of this one is in the table, but what was there before: take another port for the client */
	FLOW_REFUSED = 1, /* table full or share used up: drop with REASON_CONNTRACK_INSERT; nothing new of it is left in the table */
};

struct flow_ends4 {
	struct flow_ended4 original;
	struct flow_ended4 reply;
};

struct flow_ends6 {
	struct flow_ended6 original;
	struct flow_ended6 reply;
};

/* One packet, in the entry of the direction that it belongs to. */
static __always_inline __u64 flow_packet_in_hand(const struct flow_decision *decision, bool reply)
{
	return !decision->reply == !reply ? (1ULL << FLOW_PACKETS_SHIFT) + decision->bytes : 0;
}

static __always_inline void flow_prepare_original(struct flow_visit *visit, const struct flow_decision *decision, const flow_word *original, const int words)
{
	visit->hash = flow_hash(original, words);
	visit->packet = flow_packet_in_hand(decision, false);
	visit->now = flow_now();
	visit->version = 0;
	visit->place = 0;
	visit->spared = 0;
	visit->ingress_origin = decision->ingress_origin;
	visit->action.rewrite = decision->rewrite;
	visit->rewrite_address[0] = decision->rewrite_address[0];
	visit->rewrite_address[1] = decision->rewrite_address[1];
	visit->action.decided = decision->decided;
	visit->action.identity = decision->identity;
	visit->action.origin = decision->egress_origin;
	visit->action.target = decision->target;
	visit->action.flags = decision->flags & (FLOW_RELATED | FLOW_AT_INGRESS);
	/* Charged to the opener; one from outside the node to the endpoint it came for. */
	if (flow_zone(original, words) >= FLOW_OWNERS)
		visit->action.flags |= FLOW_TARGET_OWNS;
}

/* The same for the other direction. */
static __always_inline void flow_prepare_reply(struct flow_work *work, const struct flow_decision *decision, const flow_word *original, const int words)
{
	struct flow_visit *visit = &work->reply;

	flow_words_other(original, decision->rewrite, decision->rewrite_address, false, decision->target, work->reverse, words);
	*visit = work->original;
	visit->hash = flow_hash(work->reverse, words);
	visit->packet = flow_packet_in_hand(decision, true);
	visit->version = 0;
	visit->action.rewrite = decision->reply_rewrite;
	visit->rewrite_address[0] = decision->reply_rewrite_address[0];
	visit->rewrite_address[1] = decision->reply_rewrite_address[1];
	visit->action.target = flow_zone(original, words);
	visit->action.flags ^= FLOW_REPLY | FLOW_TARGET_OWNS;
	flow_touch(work->original.hash, words);
	flow_touch(visit->hash, words);
}

/* Bucket of an entry that was put. */
static __always_inline __u32 flow_index_of(const struct flow_visit *visit, const int words)
{
	return visit->action.flags & FLOW_GUEST ? flow_second(visit->hash, flow_mask(words)) : flow_home(visit->hash, flow_mask(words));
}

/* Takes back what was just put. False: somebody has changed it since, so the flow is theirs too. `ended` gets it, in case it has carried packets of others meanwhile. */
static __always_inline bool flow_undo(struct flow_visit *visit, __u64 packet_in_hand, flow_word *key, struct flow_ended *ended, const int words)
{
	if (flow_visit_at(flow_index_of(visit, words), FLOW_REMOVE, visit, key, ended, words) != FLOW_REMOVED)
		return false;
	ended->counter = visit->packet - packet_in_hand;
	ended->action = visit->action;
	ended->ingress_origin = visit->ingress_origin;
	flow_copy_words((flow_word *)(ended + 1), key, words);
	flow_dismiss_ended(ended, words);
	return true;
}

/* One direction may have outlived the other (each has its own time): the new one gets the class of the old. */
static __always_inline void flow_level(struct flow_visit *low, const struct flow_visit *high, flow_word *key, struct flow_ended *ended, const int words)
{
	low->packet = 0;
	low->action.class = high->action.class;
	low->action.flags |= high->action.flags & FLOW_ANSWERED;
	flow_visit_at(flow_index_of(low, words), FLOW_LIFT, low, key, ended, words);
}

static __always_inline bool flow_is_fresh(int outcome)
{
	return outcome == FLOW_PLACED || outcome == FLOW_RENEWED;
}

static __always_inline int flow_open_reply(struct flow_work *work, const struct flow_decision *decision, flow_word *original, bool was_there, struct flow_ended *ended, const int words)
{
	int outcome;

	work->reply.spared = work->original.place;
	outcome = flow_put(&work->reply, work->reverse, ended, words);
	if (outcome != FLOW_UPDATED && !flow_is_fresh(outcome)) {
		/* A flow that was there before goes on with one entry. */
		if (was_there)
			return outcome == FLOW_COLLIDES ? FLOW_COLLIDED : FLOW_STORED;
		if (!flow_undo(&work->original, flow_packet_in_hand(decision, false), original, ended, words))
			return FLOW_STORED;
		return outcome == FLOW_COLLIDES ? FLOW_COLLIDED : FLOW_REFUSED;
	}
	if (work->original.action.class < work->reply.action.class)
		flow_level(&work->original, &work->reply, original, ended, words);
	else if (work->reply.action.class < work->original.action.class)
		flow_level(&work->reply, &work->original, work->reverse, ended, words);
	return FLOW_STORED;
}

static __always_inline int flow_open(flow_word *original, struct flow_decision *decision, struct flow_ended *ended, struct flow_ended *reply_ended, const int words)
{
	bool opens = flow_protocol(original, words) == IPPROTO_TCP && (decision->tcp_flags & (FLOW_SYN | FLOW_ACK)) == FLOW_SYN;
	struct flow_work *work = flow_work();
	int outcome;

	if (!work)
		return FLOW_REFUSED;
	flow_prepare_original(&work->original, decision, original, words);
	work->original.action.class = opens ? FLOW_HALF_OPEN : FLOW_ONE_WAY;
	flow_prepare_reply(work, decision, original, words);
	reply_ended->action.class = FLOW_EMPTY;
	outcome = flow_put(&work->original, original, ended, words);
	if (outcome != FLOW_UPDATED && !flow_is_fresh(outcome))
		return FLOW_REFUSED;
	return flow_open_reply(work, decision, original, outcome == FLOW_UPDATED, reply_ended, words);
}

__noinline int flow_open4(struct flow_key4 *original, struct flow_decision *decision, struct flow_ends4 *ends)
{
	if (!original || !decision || !ends)
		return FLOW_REFUSED;
	return flow_open((flow_word *)original, decision, &ends->original.entry, &ends->reply.entry, FLOW_WORDS4);
}

__noinline int flow_open6(struct flow_key6 *original, struct flow_decision *decision, struct flow_ends6 *ends)
{
	if (!original || !decision || !ends)
		return FLOW_REFUSED;
	return flow_open((flow_word *)original, decision, &ends->original.entry, &ends->reply.entry, FLOW_WORDS6);
}
