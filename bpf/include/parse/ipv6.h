/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* IPv6 header and the extension headers that may precede a transport header. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../types/reason.h"
#include "options.h"
#include "packet.h"
#include "transport.h"

enum {
	EXTENSION_HEADERS = 4, /* more in a row are refused */
	EXTENSION_BYTES = 255, /* nor more than that of them */
};

/*
 * Walks hop-by-hop options, which come first if at all, and destination options; sets the packet's protocol and transport offset. Routing headers are refused (RFC 5095 and beyond), because the
 * destination that policy would judge isn't the last one; authentication and other headers, because nothing here can look behind them.
 */
__noinline int skip_extensions(struct __sk_buff *skb, struct packet *packet)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 offset = ETH_HLEN + sizeof(struct ipv6hdr);
	__u32 length;
	__u8 next;
	int reason;

	if (!packet)
		return REASON_IPV6_EXTENSION;
	next = packet->protocol;
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		const struct ipv6_opt_hdr *extension = data + offset;

		if (next == IPPROTO_FRAGMENT)
			return REASON_FRAGMENT;
		if (next == IPPROTO_ROUTING || next == IPPROTO_AH || next == IPPROTO_MH)
			return REASON_IPV6_EXTENSION;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS)
			break;
		if (next == IPPROTO_HOPOPTS && i > 0)
			return REASON_IPV6_EXTENSION;
		if ((const void *)(extension + 1) > end)
			return REASON_TRUNCATED_HEADER;
		length = (extension->hdrlen + 1) * 8;
		if (offset - ETH_HLEN - sizeof(struct ipv6hdr) + length > EXTENSION_BYTES)
			return REASON_IPV6_EXTENSION;
		next = extension->nexthdr;
		reason = check_options(skb, 6, offset + sizeof(*extension), offset + length);
		if (reason != REASON_NONE)
			return reason;
		offset += length;
	}
	if (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS)
		return REASON_IPV6_EXTENSION;
	packet->protocol = next;
	packet->transport_offset = offset;
	return REASON_NONE;
}

static __always_inline int is_transport(__u8 next)
{
	return next == IPPROTO_TCP || next == IPPROTO_UDP || next == IPPROTO_ICMPV6;
}

/* Fills the packet; REASON_NONE, or why it can't be carried. */
static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct ipv6hdr *ip = (const void *)(long)skb->data + ETH_HLEN;
	__u32 available = skb->len - ETH_HLEN - sizeof(*ip);
	__u32 length, skipped;
	int reason;

	packet->family = 6;
	if ((const void *)(ip + 1) > end)
		return REASON_TRUNCATED_HEADER;
	length = bpf_ntohs(ip->payload_len);
	packet->protocol = ip->nexthdr;
	packet->hop_limit = ip->hop_limit;
	packet->transport_offset = ETH_HLEN + sizeof(*ip);
	__builtin_memcpy(&packet->source, &ip->saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->destination, &ip->daddr, sizeof(packet->destination));
	if (length == 0 && skb->gso_size) /* larger than 64 KiB: its length is in a jumbo option, if anywhere */
		length = available;
	if (ip->version != 6)
		return REASON_INVALID_PACKET;
	if (length > available)
		return REASON_TRUNCATED_HEADER;
	if (is_transport(packet->protocol))
		return parse_transport(packet, ip + 1, end, length);
	reason = skip_extensions(skb, packet);
	if (reason != REASON_NONE)
		return reason;
	skipped = packet->transport_offset - ETH_HLEN - sizeof(*ip);
	if (skipped > length)
		return REASON_INVALID_PACKET;
	return parse_transport(packet, (const void *)(ip + 1) + (skipped & EXTENSION_BYTES), end, length - skipped);
}
