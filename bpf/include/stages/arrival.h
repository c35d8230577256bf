/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Whose packet it is: the pod at the interface, and whether it may speak or be spoken to. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "../maps/endpoints.h"
#include "../parse/ethernet.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "outcome.h"

/* No policy yet, no traffic (design D6). */
static __always_inline int check_ready(const struct endpoint *self)
{
	return self->flags & ENDPOINT_READY ? CARRY_ON : REASON_ENDPOINT_NOT_READY;
}

static __always_inline bool is_address_of(const struct endpoint *endpoint, __u8 family, const union address *address)
{
	const __u64 *ipv6 = (const __u64 *)endpoint->ipv6;

	if (family == 4)
		return (endpoint->flags & ENDPOINT_HAS_IPV4) && endpoint->ipv4 == address->ipv4;
	return (endpoint->flags & ENDPOINT_HAS_IPV6) && ((ipv6[0] ^ address->halves[0]) | (ipv6[1] ^ address->halves[1])) == 0;
}

/* Whether one end of a flow was a pod of this node that has the address no longer: nobody can send from it (D1), nor is anything delivered to it. */
static __always_inline bool is_gone(__u16 zone, __u8 family, const union address *address)
{
	const struct endpoint *endpoint = zone && zone < ENDPOINTS ? endpoint_of_slot(zone) : NULL;

	return endpoint && !is_address_of(endpoint, family, address);
}

/* The pod of this node that a packet goes to; NULL: it leaves for the stack, or comes from there. */
static __always_inline const struct endpoint *receiver_of(const struct packet *packet)
{
	return packet->side == DIRECTION_EGRESS ? endpoint_of_slot(packet->target) : NULL;
}

/* A pod sends from its own MAC (checked for every frame). VLAN tags are taken off before a program sees them, and nothing here is behind one. */
static __always_inline int check_source_mac(const struct __sk_buff *skb, const struct endpoint *self)
{
	const struct ethhdr *ethernet = (const void *)(long)skb->data;

	if ((const void *)(ethernet + 1) > (const void *)(long)skb->data_end)
		return REASON_TRUNCATED_HEADER;
	if (skb->vlan_present)
		return REASON_UNSUPPORTED_L3;
	return same_mac(ethernet->h_source, self->mac) ? CARRY_ON : REASON_SOURCE_MAC;
}

/* A pod sends from its own address. */
static __always_inline int check_source(const struct packet *packet, const struct endpoint *self)
{
	return is_address_of(self, packet->family, &packet->source) ? CARRY_ON : REASON_SOURCE_IP;
}

/* What the node's stack sends to an interface is for the pod behind it. */
static __always_inline int check_destination(const struct packet *packet, const struct endpoint *self, __u8 family)
{
	return is_address_of(self, family, &packet->destination) ? CARRY_ON : REASON_UNKNOWN_TARGET;
}
