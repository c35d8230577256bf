/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Flows whose packets are rewritten (services). The original direction's entry says what takes the destination's place, the reply's what takes the source's; either way with the port of the other end, which is
 * another than the client's where two flows would have the same replies. Where client and backend are one pod, the client's address becomes the loopback's.
 */
#pragma once

#include "../config/loopback.h"
#include "key.h"

enum {
	FLOW_REWRITE_IPV6 = 1, /* low half of the word, where IPv4 has its address */
};

/* The word of an entry: address (IPv4) | its port << 32 | other end's port << 48. Ports as they lie in packets. Never 0. */
static __always_inline __u64 flow_rewrite(__u32 address, __be16 port, __be16 other_port)
{
	return address | (__u64)port << 32 | (__u64)other_port << 48;
}

static __always_inline bool flow_is_rewritten(const struct flow_action *action)
{
	return action->rewrite && action->class != FLOW_NEGATIVE;
}

enum {
	FLOW_DENIAL_REASON = 0xff,
	FLOW_DENIAL_PORT_SHIFT = 8,
	FLOW_DENIAL_ADDRESS_SHIFT = 32,
};

/* The word of a negative entry: reason | port << 8 | address << 32, the last two of what packets would have become; 0: nothing else. */
static __always_inline __u64 flow_denial(__u8 reason, __u64 rewrite)
{
	return reason | (rewrite >> 32 & 0xffff) << FLOW_DENIAL_PORT_SHIFT | rewrite << FLOW_DENIAL_ADDRESS_SHIFT;
}

static __always_inline bool flow_denies_rewritten(const struct flow_action *action)
{
	return action->class == FLOW_NEGATIVE && action->rewrite >> FLOW_DENIAL_ADDRESS_SHIFT;
}

/* IPv6: where an entry has the address, behind its key. */
static __always_inline flow_word *flow_rewrite_address(struct flow_state *state)
{
	return (flow_word *)(state + 1) + FLOW_WORDS6;
}

static __always_inline void flow_translate4(flow_word *key, __u64 rewrite, bool reply)
{
	__u64 source = key[0] & 0xffffffff, destination = key[0] >> 32, address = rewrite & 0xffffffff;

	if (reply) {
		destination = destination == loopback_ipv4 ? source : destination;
		source = address;
	} else {
		source = source == address ? loopback_ipv4 : source;
		destination = address;
	}
	key[0] = source | destination << 32;
}

static __always_inline void flow_translate6(flow_word *key, const __u64 *address, bool reply)
{
	if (reply) {
		if (!((key[2] ^ loopback_ipv6[0]) | (key[3] ^ loopback_ipv6[1]))) {
			key[2] = key[0];
			key[3] = key[1];
		}
		key[0] = address[0];
		key[1] = address[1];
		return;
	}
	if (!((key[0] ^ address[0]) | (key[1] ^ address[1]))) {
		key[0] = loopback_ipv6[0];
		key[1] = loopback_ipv6[1];
	}
	key[2] = address[0];
	key[3] = address[1];
}

/* The key of a packet becomes that of the packet as it goes on. */
static __always_inline void flow_words_translate(flow_word *key, __u64 rewrite, const __u64 *address, bool reply, const int words)
{
	__u64 ports = rewrite >> 32;

	if (words == FLOW_WORDS4)
		flow_translate4(key, rewrite, reply);
	else
		flow_translate6(key, address, reply);
	if (!reply)
		ports = ports >> 16 | (ports & 0xffff) << 16;
	key[words - 1] = (key[words - 1] & ~0xffffffffull) | ports;
}

/* The key of the other direction: of what the packet becomes, turned round. `other` may not be `key`. */
static __always_inline void flow_words_other(const flow_word *key, __u64 rewrite, const __u64 *address, bool reply, __u16 target, flow_word *other, const int words)
{
	flow_word translated[FLOW_WORDS6];

	if (!rewrite) {
		flow_words_reverse(key, target, other, words);
		return;
	}
	for (int i = 0; i < words; i++)
		translated[i] = key[i];
	flow_words_translate(translated, rewrite, address, reply, words);
	flow_words_reverse(translated, target, other, words);
}
