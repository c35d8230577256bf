/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Rewriting the packets of a flow to a service: addresses, ports and the sums over them. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>

#include "../config/loopback.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../parse/translation.h"
#include "../types/reason.h"
#include "outcome.h"
#include "sums.h"

enum {
	TCP_SUM = 16, /* offset in the transport header */
	UDP_SUM = 6,
	FARTHEST_TRANSPORT = 511, /* offset in the frame: network header and its extensions are shorter */
};

static __always_inline void loopback_of(__u8 family, union address *address)
{
	if (family == 4) {
		address->halves[0] = 0;
		address->halves[1] = (__u64)loopback_ipv4 << 32 | bpf_htonl(0xffff);
	} else {
		address->halves[0] = loopback_ipv6[0];
		address->halves[1] = loopback_ipv6[1];
	}
}

/* What `packet` (its addresses as the flow's key has them) becomes: the same as flow/translate.h says of keys. */
static __always_inline void rename_ends(const struct packet *packet, const struct translation *translation, struct renamed *to)
{
	union address loopback;

	loopback_of(packet->family, &loopback);
	if (translation->is_reply) {
		to->destination = is_same_address(&packet->destination, &loopback) ? packet->source : packet->destination;
		to->source = translation->address;
		to->ports = translation->port | (__u32)translation->other_port << 16;
	} else {
		to->source = is_same_address(&packet->source, &translation->address) ? loopback : packet->source;
		to->destination = translation->address;
		to->ports = translation->other_port | (__u32)translation->port << 16;
	}
}

/* Replaces addresses; returns the difference that makes. */
static __always_inline __u32 rename_ipv4(struct iphdr *ip, const struct renamed *to)
{
	__u64 sum = (__u64)(__u32)~ip->saddr + (__u32)~ip->daddr + to->source.ipv4 + to->destination.ipv4;
	__u32 difference = fold(sum);

	ip->saddr = to->source.ipv4;
	ip->daddr = to->destination.ipv4;
	ip->check = updated_sum(ip->check, difference);
	return difference;
}

static __always_inline __u32 rename_ipv6(struct ipv6hdr *ip, const struct renamed *to)
{
	__u32 *source = ip->saddr.in6_u.u6_addr32, *destination = ip->daddr.in6_u.u6_addr32;
	__u64 sum = 0;

	for (int i = 0; i < 4; i++) {
		sum += (__u64)(__u32)~source[i] + (__u32)~destination[i] + to->source.words[i] + to->destination.words[i];
		source[i] = to->source.words[i];
		destination[i] = to->destination.words[i];
	}
	return fold(sum);
}

/* The same for IPv4 out of an entry's word, without a detour through memory: nearly all that such a hit costs more than another. Like flow_translate4. */
static __always_inline int translate_hit4(struct __sk_buff *skb, const struct packet *packet, __u64 rewrite, bool reply)
{
	void *data = (void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 at = packet->transport_offset & FARTHEST_TRANSPORT;
	__u32 sum_at = packet->protocol == IPPROTO_TCP ? TCP_SUM : UDP_SUM;
	__u32 source = packet->source.ipv4, destination = packet->destination.ipv4, address = rewrite, ports = rewrite >> 32;
	struct iphdr *ip = data + ETH_HLEN;
	__sum16 *field = data + at + sum_at;
	enum summed summed = summed_of(skb);
	struct differences changed;

	if ((void *)(ip + 1) > end || data + at + sizeof(ports) > end || (void *)(field + 1) > end)
		return REASON_TRUNCATED_HEADER;
	if (reply) {
		destination = destination == loopback_ipv4 ? source : destination;
		source = address;
	} else {
		source = source == address ? loopback_ipv4 : source;
		destination = address;
		ports = ports >> 16 | ports << 16;
	}
	changed.addresses = fold((__u64)(__u32)~ip->saddr + (__u32)~ip->daddr + source + destination);
	changed.ports = fold((__u64)(__u32)~packet->ports + ports);
	ip->saddr = source;
	ip->daddr = destination;
	ip->check = updated_sum(ip->check, changed.addresses);
	*(__u32 *)(data + at) = ports;
	if (summed == SUMMED_UNKNOWN)
		return follow_by_helpers(skb, at + sum_at, &changed, 4, packet->protocol) ? CARRY_ON : REASON_TRUNCATED_HEADER;
	follow_directly(skb, field, &changed, 4, packet->protocol, summed);
	return CARRY_ON;
}

static __always_inline int rename_packet(struct __sk_buff *skb, const struct packet *packet, const struct renamed *to, const __u8 family)
{
	const __u32 header = family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	void *data = (void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 at = packet->transport_offset & FARTHEST_TRANSPORT;
	__u32 sum_at = packet->protocol == IPPROTO_TCP ? TCP_SUM : UDP_SUM;
	enum summed summed = summed_of(skb);
	struct differences changed;
	__u32 *ports = data + at;
	__sum16 *field = data + at + sum_at;

	if (data + ETH_HLEN + header > end || (void *)(ports + 1) > end || (void *)(field + 1) > end)
		return REASON_TRUNCATED_HEADER;
	changed.addresses = family == 4 ? rename_ipv4(data + ETH_HLEN, to) : rename_ipv6(data + ETH_HLEN, to);
	changed.ports = fold((__u64)(__u32)~*ports + to->ports);
	*ports = to->ports;
	if (summed == SUMMED_UNKNOWN)
		return follow_by_helpers(skb, at + sum_at, &changed, family, packet->protocol) ? CARRY_ON : REASON_TRUNCATED_HEADER;
	follow_directly(skb, field, &changed, family, packet->protocol, summed);
	return CARRY_ON;
}

/* Rewrites the packet as `run->translation` says. Packet pointers are void afterwards. */
__noinline int translate(struct __sk_buff *skb, struct run *run)
{
	const struct packet *packet;
	struct renamed *to;

	if (!run)
		return REASON_STALE;
	packet = &run->packet;
	to = &run->renamed;
	rename_ends(packet, &run->translation, to);
	return packet->family == 4 ? rename_packet(skb, packet, to, 4) : rename_packet(skb, packet, to, 6);
}
