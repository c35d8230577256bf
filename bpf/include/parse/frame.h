/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a frame to a parsed packet, wherever in the skb its headers lie. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../types/reason.h"
#include "ipv4.h"
#include "ipv6.h"
#include "packet.h"

enum {
	HEADERS = 256, /* more than any headers that are looked at take */
};

/* Makes the headers readable. False: they are already, so that what is missing is missing in the packet. Packet pointers taken before are void. */
static __always_inline bool pull_headers(struct __sk_buff *skb)
{
	__u32 readable = skb->data_end - skb->data;
	__u32 wanted = skb->len < HEADERS ? skb->len : HEADERS;

	return readable < wanted && bpf_skb_pull_data(skb, wanted) == 0;
}

static __always_inline int parse_readable(struct __sk_buff *skb, struct packet *packet, __u8 family)
{
	return family == 4 ? parse_ipv4(skb, packet) : parse_ipv6(skb, packet);
}

/* Where speed doesn't matter: a global function, which the verifier walks once. `pulls`: headers beyond the linear part are wanted, too (some senders leave only a few bytes there). */
__noinline int parse_slowly(struct __sk_buff *skb, struct packet *packet, __u8 family, bool pulls)
{
	if (!packet || (pulls && !pull_headers(skb)))
		return REASON_TRUNCATED_HEADER;
	return parse_readable(skb, packet, family);
}

/* Fills the packet; REASON_NONE, or why it can't be carried. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *packet, __u8 family)
{
	int reason = parse_readable(skb, packet, family);

	return reason == REASON_TRUNCATED_HEADER ? parse_slowly(skb, packet, family, true) : reason;
}

/* What a packet says that drops for its frame's sake: for its record alone, so that it doesn't matter if the headers can't be read. */
static __always_inline void read_for_record(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		parse_slowly(skb, packet, 4, false);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parse_slowly(skb, packet, 6, false);
}
