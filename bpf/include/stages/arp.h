/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ARP from a pod. Its only neighbour is the gateway, which is no machine: the program answers. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../config/gateway.h"
#include "../parse/ethernet.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"

/* Of IPv4 over Ethernet. (The kernel's own header pulls in libc.) */
struct arp_message {
	__be16 hardware;
	__be16 network;
	__u8 hardware_length;
	__u8 network_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender;
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

enum {
	ARP_ETHERNET = 1,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

static __always_inline bool is_ipv4_over_ethernet(const struct arp_message *arp)
{
	return arp->hardware == bpf_htons(ARP_ETHERNET) && arp->network == bpf_htons(ETH_P_IP) && arp->hardware_length == ETH_ALEN && arp->network_length == sizeof(__be32);
}

/* Turns a request for the gateway into its answer. Everything else (announcements, probes for the pod's own address) has nobody to hear it. */
static __always_inline int answer_arp(struct __sk_buff *skb, struct packet *packet, const struct endpoint *self)
{
	void *data = (void *)(long)skb->data;
	struct arp_message *arp = data + ETH_HLEN;

	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return REASON_TRUNCATED_HEADER;
	if (!is_ipv4_over_ethernet(arp))
		return REASON_INVALID_PACKET;
	if (arp->operation != bpf_htons(ARP_REQUEST) || arp->target != gateway_ipv4)
		return CONSUMED;
	arp->operation = bpf_htons(ARP_REPLY);
	arp->target = arp->sender;
	arp->sender = gateway_ipv4;
	__builtin_memcpy(arp->target_mac, self->mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_mac, self->node_mac, ETH_ALEN);
	address_frame(data, self->mac);
	packet->redirect_to = skb->ifindex;
	return ANSWERED;
}
