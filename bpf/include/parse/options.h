/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Options of an IPv4 header or of an IPv6 extension header: which of them a packet may bear. Few packets have any, so that a walk by helpers is cheap enough. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../types/reason.h"

enum {
	OPTIONS = 40, /* more are refused; a full IPv4 header of padding has as many */
};

enum ipv4_option {
	IPV4_END = 0,
	IPV4_NOTHING = 1,
	IPV4_LOOSE_SOURCE_ROUTE = 131,
	IPV4_STRICT_SOURCE_ROUTE = 137,
};

enum ipv6_option {
	IPV6_PAD_1 = 0,
	IPV6_MUST_BE_KNOWN = 0xc0, /* a type with one of these bits is to be discarded by whoever doesn't know it (RFC 8200, 4.2) */
};

/* Where a walk is; offsets are from the start of the frame. */
struct options {
	struct __sk_buff *skb;
	__u32 at;
	__u32 end;
	int reason; /* why the packet is refused */
};

/* What follows an option's type: its length, which counts the two bytes that are read here (IPv4) or doesn't (IPv6). */
struct option {
	__u8 type;
	__u8 length;
};

static __always_inline long end_walk(struct options *walk, int reason)
{
	walk->reason = reason;
	return 1;
}

static __always_inline long pass_over(struct options *walk, __u32 bytes)
{
	walk->at += bytes;
	return walk->at == walk->end;
}

/* Source routes are refused: the destination that policy would judge isn't the last one. */
static long look_at_ipv4_option(__u32 index, struct options *walk)
{
	struct option option;

	(void)index;
	if (bpf_skb_load_bytes(walk->skb, walk->at, &option, sizeof(option)) != 0)
		return end_walk(walk, REASON_TRUNCATED_HEADER);
	if (option.type == IPV4_END)
		return pass_over(walk, walk->end - walk->at);
	if (option.type == IPV4_NOTHING)
		return pass_over(walk, 1);
	if (option.type == IPV4_LOOSE_SOURCE_ROUTE || option.type == IPV4_STRICT_SOURCE_ROUTE)
		return end_walk(walk, REASON_INVALID_PACKET);
	if (option.length < sizeof(option) || walk->at + option.length > walk->end)
		return end_walk(walk, REASON_INVALID_PACKET);
	return pass_over(walk, option.length);
}

/* Padding, router alert and the like are passed over. Options that must be known change what the packet is: another source (home address), another length (jumbo). */
static long look_at_ipv6_option(__u32 index, struct options *walk)
{
	struct option option;

	(void)index;
	if (bpf_skb_load_bytes(walk->skb, walk->at, &option, sizeof(option)) != 0)
		return end_walk(walk, REASON_TRUNCATED_HEADER);
	if (option.type == IPV6_PAD_1)
		return pass_over(walk, 1);
	if ((option.type & IPV6_MUST_BE_KNOWN) || walk->at + sizeof(option) + option.length > walk->end)
		return end_walk(walk, REASON_IPV6_EXTENSION);
	return pass_over(walk, sizeof(option) + option.length);
}

/* REASON_NONE, or why the packet can't be carried. `at` and `end` bound the options. A global function: the verifier walks it once, and not for every way here and every offset. */
__noinline int check_options(struct __sk_buff *skb, __u8 family, __u32 at, __u32 end)
{
	struct options walk = { .skb = skb, .at = at, .end = end, .reason = REASON_NONE };
	long looked = family == 4 ? bpf_loop(OPTIONS, look_at_ipv4_option, &walk, 0) : bpf_loop(OPTIONS, look_at_ipv6_option, &walk, 0);

	/* More than OPTIONS of them: of IPv6, since a header of IPv4 has no room. */
	if (looked == OPTIONS && walk.reason == REASON_NONE && walk.at != walk.end)
		return REASON_IPV6_EXTENSION;
	return walk.reason;
}
