/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* IPv4 header: addresses, protocol, where the transport header lies. Options are skipped, but for some that are refused (options.h). */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../types/reason.h"
#include "options.h"
#include "packet.h"
#include "transport.h"

enum {
	IPV4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
};

static __always_inline void address_from_ipv4(union address *address, __be32 ipv4)
{
	address->halves[0] = 0;
	address->halves[1] = (__u64)ipv4 << 32 | bpf_htonl(0xffff);
}

/* Fills the packet; REASON_NONE, or why it can't be carried. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct iphdr *ip = (const void *)(long)skb->data + ETH_HLEN;
	__u32 available = skb->len - ETH_HLEN;
	__u32 header, total;
	int reason;

	packet->family = 4;
	if ((const void *)(ip + 1) > end)
		return REASON_TRUNCATED_HEADER;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	packet->protocol = ip->protocol;
	packet->hop_limit = ip->ttl;
	packet->transport_offset = ETH_HLEN + header;
	address_from_ipv4(&packet->source, ip->saddr);
	address_from_ipv4(&packet->destination, ip->daddr);
	/* Larger than 64 KiB: its length has no room in the header. One that is really 0 goes no further: Linux 6.1's verifier would think its header shorter than nothing, and lose its bounds. */
	if (total == 0) {
		if (!skb->gso_size)
			return REASON_INVALID_PACKET;
		total = available;
	}
	if (ip->version != 4 || header < sizeof(*ip) || total < header)
		return REASON_INVALID_PACKET;
	if (total > available)
		return REASON_TRUNCATED_HEADER;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return REASON_FRAGMENT;
	if (header > sizeof(*ip)) {
		reason = check_options(skb, 4, ETH_HLEN + sizeof(*ip), ETH_HLEN + header);
		if (reason != REASON_NONE)
			return reason;
	}
	return parse_transport(packet, (const void *)ip + header, end, total - header);
}
