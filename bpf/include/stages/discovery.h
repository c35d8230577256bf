/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* IPv6 neighbour discovery and group membership. A pod's only neighbour is the gateway, which is no machine: the program answers. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stddef.h>

#include "../config/gateway.h"
#include "../parse/ethernet.h"
#include "../parse/icmp.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "arrival.h"

enum {
	OPTION_SOURCE_MAC = 1,
	OPTION_TARGET_MAC = 2,
	HOP_LIMIT_OF_THE_LINK = 255,
	ADVERTISEMENT_FLAGS = 0xe000, /* router, solicited, override */
};

/* Solicitation and advertisement have one shape. */
struct neighbour_message {
	struct icmp_header header; /* its last four bytes are the flags */
	__u8 target[16];
	__u8 option_type;
	__u8 option_length;
	__u8 option_mac[ETH_ALEN];
};

struct neighbour_frame {
	struct ethhdr ethernet;
	struct ipv6hdr ip;
	struct neighbour_message message;
} __attribute__((packed));

static __always_inline bool same_bytes16(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static __always_inline bool is_link_local(const union address *address)
{
	return (address->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool is_unspecified(const union address *address)
{
	return (address->halves[0] | address->halves[1]) == 0;
}

/* Over the pseudo header (addresses, length, protocol) and the message. */
static __always_inline __sum16 message_checksum(struct neighbour_frame *frame)
{
	void *addresses = (void *)frame + offsetof(struct neighbour_frame, ip.saddr);
	void *message = (void *)frame + offsetof(struct neighbour_frame, message);
	__s64 sum = bpf_csum_diff(NULL, 0, addresses, 2 * sizeof(struct in6_addr), bpf_htonl(sizeof(frame->message) + IPPROTO_ICMPV6));

	sum = bpf_csum_diff(NULL, 0, message, sizeof(frame->message), sum);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Whether the frame asks for the gateway, as the only sender on the link may. */
static __always_inline int check_solicitation(const struct packet *packet, const struct endpoint *self, const struct neighbour_frame *frame)
{
	__u8 gateway[16];

	__builtin_memcpy(gateway, (const void *)gateway_ipv6, sizeof(gateway));
	if (frame->ip.nexthdr != IPPROTO_ICMPV6 || frame->ip.payload_len != bpf_htons(sizeof(frame->message)))
		return REASON_FORBIDDEN_ICMPV6;
	if (frame->message.header.code != 0 || frame->message.option_type != OPTION_SOURCE_MAC || frame->message.option_length != 1)
		return REASON_FORBIDDEN_ICMPV6;
	if (!same_bytes16(frame->message.target, gateway))
		return REASON_FORBIDDEN_ICMPV6;
	if (!is_link_local(&packet->source) && !is_address_of(self, 6, &packet->source))
		return REASON_SOURCE_IP;
	return CARRY_ON;
}

/* Turns a solicitation for the gateway into its advertisement. */
static __always_inline int answer_solicitation(struct __sk_buff *skb, struct packet *packet, const struct endpoint *self)
{
	struct neighbour_frame *frame = (void *)(long)skb->data;
	int outcome;

	if ((void *)(frame + 1) > (void *)(long)skb->data_end)
		return REASON_TRUNCATED_HEADER;
	outcome = check_solicitation(packet, self, frame);
	if (outcome != CARRY_ON)
		return outcome;
	__builtin_memcpy(&frame->ip.daddr, &packet->source, sizeof(frame->ip.daddr));
	__builtin_memcpy(&frame->ip.saddr, frame->message.target, sizeof(frame->ip.saddr));
	frame->message.header.type = ICMP6_NEIGHBOUR_ADVERTISEMENT;
	frame->message.header.id = bpf_htons(ADVERTISEMENT_FLAGS);
	frame->message.header.sequence = 0;
	frame->message.header.checksum = 0;
	frame->message.option_type = OPTION_TARGET_MAC;
	__builtin_memcpy(frame->message.option_mac, self->node_mac, ETH_ALEN);
	frame->message.header.checksum = message_checksum(frame);
	address_frame(frame, self->mac);
	packet->redirect_to = skb->ifindex;
	return ANSWERED;
}

/* What a pod says to its link. Duplicate address detection, router solicitation and membership reports are every stack's habit and harm nobody; the rest could mislead. */
static __always_inline int hear_link(struct __sk_buff *skb, struct packet *packet, const struct endpoint *self)
{
	if ((packet->icmp_type >= ICMP6_GROUP_QUERY && packet->icmp_type <= ICMP6_GROUP_DONE) || packet->icmp_type == ICMP6_GROUP_REPORT_2)
		return CONSUMED;
	if (packet->hop_limit != HOP_LIMIT_OF_THE_LINK)
		return REASON_FORBIDDEN_ICMPV6;
	if (packet->icmp_type == ICMP6_ROUTER_SOLICITATION)
		return CONSUMED;
	if (packet->icmp_type != ICMP6_NEIGHBOUR_SOLICITATION)
		return REASON_FORBIDDEN_ICMPV6;
	return is_unspecified(&packet->source) ? CONSUMED : answer_solicitation(skb, packet, self);
}
