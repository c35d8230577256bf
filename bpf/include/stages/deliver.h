/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where an allowed packet of a pod goes. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/endpoints.h"
#include "../parse/ethernet.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "outcome.h"

/* One hop less; the checksum follows by RFC 1624, no matter what it was. */
static __always_inline void pass_hop_ipv4(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* To a pod of this node: what a router between the two would do. */
static __always_inline int route_to_pod(struct __sk_buff *skb, struct packet *packet, const struct endpoint *receiver, __u8 family)
{
	void *data = (void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	struct ipv6hdr *ipv6 = data + ETH_HLEN;
	struct iphdr *ipv4 = data + ETH_HLEN;

	if (packet->hop_limit <= 1)
		return REASON_TTL;
	if ((const void *)(ipv4 + 1) > end)
		return REASON_TRUNCATED_HEADER;
	packet->redirect_to = receiver->ifindex;
	address_frame(data, receiver);
	if (family == 4)
		pass_hop_ipv4(ipv4);
	else
		ipv6->hop_limit--;
	return FORWARD_TO_ENDPOINT;
}

/* The node's stack routes what isn't for a pod of this node, and takes one hop off by itself. */
static __always_inline int route(struct __sk_buff *skb, struct packet *packet, const struct endpoint *receiver, __u8 family)
{
	if (receiver)
		return route_to_pod(skb, packet, receiver, family);
	return packet->target == ZONE_HOST ? FORWARD_TO_HOST : FORWARD_TO_STACK;
}
