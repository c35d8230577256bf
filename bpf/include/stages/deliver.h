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
#include "../maps/nodes.h"
#include "../maps/run.h"
#include "../parse/ethernet.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "outcome.h"
#include "tunnel.h"

/* One hop less; the checksum follows by RFC 1624, no matter what it was. */
static __always_inline void pass_hop_ipv4(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

static __always_inline void pass_hop(void *network, __u8 family)
{
	if (family == 4)
		pass_hop_ipv4(network);
	else
		((struct ipv6hdr *)network)->hop_limit--;
}

/* To a pod of this node: what a router between the two would do. */
static __always_inline int route_to_pod(struct __sk_buff *skb, struct packet *packet, const struct endpoint *receiver, __u8 family)
{
	void *data = (void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;

	if (packet->hop_limit <= 1)
		return REASON_TTL;
	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return REASON_TRUNCATED_HEADER;
	packet->redirect_to = receiver->ifindex;
	address_frame(data, receiver->mac);
	pass_hop(data + ETH_HLEN, family);
	return FORWARD_TO_ENDPOINT;
}

/* The inner Ethernet header is made for the tunnel device of the other node, the hop taken off as by the router that this node is. */
static __always_inline int route_to_node(struct __sk_buff *skb, struct run *run, const struct endpoint *sender, __u8 family)
{
	struct packet *packet = &run->packet;
	const struct node *node = node_of_zone(packet->target);
	void *data;

	if (packet->hop_limit <= 1)
		return REASON_TTL;
	if (!node)
		return REASON_NO_TUNNEL;
	if (is_too_big(skb, node, family))
		return FORWARD_TO_STACK;
	if (!write_tunnel_key(skb, &run->leaves_by, sender, node))
		return REASON_NO_TUNNEL;
	packet->redirect_to = node->interface;
	data = (void *)(long)skb->data;
	if (data + ETH_HLEN + sizeof(struct iphdr) > (void *)(long)skb->data_end)
		return REASON_TRUNCATED_HEADER;
	address_frame(data, node->mac);
	pass_hop(data + ETH_HLEN, family);
	return FORWARD_TO_NODE;
}

/* The node's stack routes what isn't for a pod of this node, and takes one hop off by itself. */
static __always_inline int route(struct __sk_buff *skb, struct run *run, const struct endpoint *sender, const struct endpoint *receiver, __u8 family)
{
	struct packet *packet = &run->packet;

	if (receiver)
		return route_to_pod(skb, packet, receiver, family);
	if (is_node_zone(packet->target))
		return route_to_node(skb, run, sender, family);
	return packet->target == ZONE_HOST ? FORWARD_TO_HOST : FORWARD_TO_STACK;
}
