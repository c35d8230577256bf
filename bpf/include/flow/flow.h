/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The flow table: what programs call. Layout and invariants: README.md here.
 *
 * Every function exists for IPv4 (…4) and IPv6 (…6). A packet's way:
 *
 *	if (flow_find4(&key, &found)) {
 *		if (!current)              -> slow path           // flow_is_current(&found.action, epochs of both ends)
 *		switch (flow_signal(&found.action, tcp_flags)) {
 *		case FLOW_REOPENS:         -> slow path
 *		case FLOW_FOLLOW:          flow_follow4(&key, tcp_flags); break;
 *		case FLOW_PLAIN:           break; }
 *		flow_account(&found, skb->len);
 *		act on found.action;
 *	}
 *	slow path: decision.decided = flow_sample(&node_state->clock) first of all; look things up; then
 *		flow_open4(&key, &decision, ended) or flow_deny4(&key, &decision, ended)
 */
#pragma once

#include "../types/flow.h"

/*
 * Keys are written in 64-bit words, so that the look-up gets them back from registers (two 32-bit stores read back as one 64-bit word stall). `addresses`: source and destination as they
 * lie in the packet's IP header; `ports`: likewise.
 *
 *	static __always_inline void flow_key4_set(struct flow_key4 *key, const void *addresses, __u32 ports, __u16 zone, __u8 protocol);
 *	static __always_inline void flow_key6_set(struct flow_key6 *key, const void *addresses, __u32 ports, __u16 zone, __u8 protocol);
 */

/* What the look-up found. `state` points into the table: only flow_account and flow_take may touch it. */
struct flow_found {
	struct flow_state *state;
	struct flow_action action; /* a consistent copy */
};

/*
 * Looks the packet's entry up; no helper call. False: none, expired, or just changing (the slow path decides again: safe). Doesn't say whether the entry is current.
 *
 *	static __always_inline bool flow_find4(const struct flow_key4 *key, struct flow_found *found);
 *	static __always_inline bool flow_find6(const struct flow_key6 *key, struct flow_found *found);
 */

/*
 * Decided after the last change of everything it depends on? Pass the epoch of each: an end that is a local endpoint has two (its entry's and its subject's), any other two as well
 * (peer_epochs[flow_peer_index(address)] and node_state.prefix_epoch).
 *
 *	static __always_inline bool flow_is_current(const struct flow_action *action, __u32 source, __u32 source_too, __u32 destination, __u32 destination_too);
 *
 * Index into `peer_epochs` of an address:
 *
 *	static __always_inline __u32 flow_peer_index4(__be32 address);
 *	static __always_inline __u32 flow_peer_index6(const void *address);
 *
 * The node's clock, before a decision's first read; nothing read afterwards can be older:
 *
 *	static __always_inline __u32 flow_sample(const __u32 *clock);
 */

/* What a packet means for its entry beyond being one more of it. */
enum flow_signal {
	FLOW_PLAIN = 0,
	FLOW_FOLLOW = 1, /* call flow_follow4/6, then go on: first answer, acknowledgement, FIN, RST */
	FLOW_REOPENS = 2, /* a bare SYN on an established or closing connection: decide anew */
};

/*
 *	static __always_inline enum flow_signal flow_signal(const struct flow_action *action, __u8 tcp_flags);  // 0 for other protocols
 *	int flow_follow4(struct flow_key4 *key, __u32 tcp_flags);
 *	int flow_follow6(struct flow_key6 *key, __u32 tcp_flags);
 */

/* Bits that flow_account returns. */
enum flow_accounted {
	FLOW_TICKED = 1, /* first packet of the entry since the clock ticked (about 0.25 s): time to report a negative entry's repeats */
	FLOW_FULL = 2, /* the counter is half full: harvest it (flow_take) and report */
};

/*
 * One more packet of so many bytes, seen now. After flow_is_current, once per packet.
 *
 *	static __always_inline __u32 flow_account(const struct flow_found *found, __u32 bytes);
 *
 * Takes what was counted since the last time, out of the entry: packets << FLOW_PACKETS_SHIFT | bytes.
 *
 *	static __always_inline __u64 flow_take(const struct flow_found *found);
 */

/* What the slow path found out about the packet in hand. */
struct flow_decision {
	__u64 rewrite; /* of the original direction */
	__u64 reply_rewrite;
	__u32 decided; /* flow_sample() before the first read */
	__u32 identity; /* of the end that is no local endpoint; 0 where both are */
	__u32 egress_origin;
	__u32 ingress_origin;
	__u32 bytes; /* length of the packet in hand; it is counted here */
	__u16 target; /* zone of the destination: where its replies will come in */
	__u8 reason; /* flow_deny: enum drop_reason */
	__u8 tcp_flags; /* of the packet in hand; 0 for other protocols */
	__u8 reply; /* the packet in hand is a reply (design D3): it is counted in the reply's entry */
	__u8 flags; /* FLOW_RELATED, and for flow_deny FLOW_AT_INGRESS */
	__u8 pad[2];
};

/* An entry that had to go, for EVENT_CLOSE (negative: for its last repeats). */
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

enum flow_stored {
	FLOW_STORED = 0,
	FLOW_REFUSED = 1, /* table full or share used up: drop with REASON_CONNTRACK_INSERT; nothing of it is left in the table */
};

/*
 * Stores both directions of an allowed flow. `original`: key of the original direction, also when the packet in hand is a reply. The reply's entry is its reverse, in zone `decision->target`.
 * Existing entries of these keys are decided anew in place: class and counters stay. `ended`: array of two, filled with what had to go.
 *
 *	int flow_open4(struct flow_key4 *original, struct flow_decision *decision, struct flow_ended4 *ended);
 *	int flow_open6(struct flow_key6 *original, struct flow_decision *decision, struct flow_ended6 *ended);
 *
 * Stores that the original direction drops. An existing reply's entry becomes negative too. A refusal changes nothing for the packet in hand. `ended`: array of two.
 *
 *	int flow_deny4(struct flow_key4 *original, struct flow_decision *decision, struct flow_ended4 *ended);
 *	int flow_deny6(struct flow_key6 *original, struct flow_decision *decision, struct flow_ended6 *ended);
 *
 * The other direction's key. For a reply's entry: the original tuple, with which to decide anew (design D3).
 *
 *	static __always_inline void flow_reverse4(const struct flow_key4 *key, __u16 target, struct flow_key4 *reverse);
 *	static __always_inline void flow_reverse6(const struct flow_key6 *key, __u16 target, struct flow_key6 *reverse);
 */
