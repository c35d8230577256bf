/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a frame to a parsed packet, wherever in the skb its headers lie. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

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

/* Headers beyond the linear part (some senders leave only a few bytes there). */
static __noinline int parse_pulled(struct __sk_buff *skb, struct packet *packet, __u8 family)
{
	return pull_headers(skb) ? parse_readable(skb, packet, family) : REASON_TRUNCATED_HEADER;
}

/* Fills the packet; REASON_NONE, or why it can't be carried. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *packet, __u8 family)
{
	int reason = parse_readable(skb, packet, family);

	return reason == REASON_TRUNCATED_HEADER ? parse_pulled(skb, packet, family) : reason;
}

/* What a packet says that drops for its frame's sake: for its record alone, so that it doesn't matter if the headers can't be read. */
static __noinline void read_for_record(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		parse_readable(skb, packet, 4);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parse_readable(skb, packet, 6);
}
