/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A service that has nobody to answer refuses at once: a reset to TCP, "port unreachable" to others. And who reads from a backend that its service has lost is told by the backend's next segment, which becomes a
 * reset. The packet has dropped, been counted and reported; what is sent takes its place.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/endpoints.h"
#include "../maps/run.h"
#include "../parse/icmp.h"
#include "../parse/packet.h"
#include "../parse/transport.h"
#include "sums.h"

enum {
	ANSWER_HOPS = 64,
	PORT_UNREACHABLE = 3, /* ICMP's code */
	PORT_UNREACHABLE_6 = 4,
	QUOTED_TRANSPORT = 8, /* as much of the transport header as says whose packet it was */
};

struct icmp_error {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 unused;
};

struct unreachable4 {
	struct iphdr ip;
	struct icmp_error icmp;
	__u8 quoted[sizeof(struct iphdr) + QUOTED_TRANSPORT];
};

struct unreachable6 {
	struct ipv6hdr ip;
	struct icmp_error icmp;
	__u8 quoted[sizeof(struct ipv6hdr) + QUOTED_TRANSPORT];
};

static __always_inline void fill_header4(struct iphdr *ip, const struct packet *packet, __u32 length, __u8 protocol)
{
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = bpf_htons(length);
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = ANSWER_HOPS;
	ip->protocol = protocol;
	ip->saddr = packet->destination.ipv4;
	ip->daddr = packet->source.ipv4;
	ip->check = ~fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
}

static __always_inline void fill_header6(struct ipv6hdr *ip, const struct packet *packet, __u32 length, __u8 protocol)
{
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = protocol;
	ip->hop_limit = ANSWER_HOPS;
	__builtin_memcpy(&ip->saddr, &packet->destination, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &packet->source, sizeof(ip->daddr));
}

/* Sum of what a transport header's checksum covers beside the message. IPv6 addresses and IPv4's behind ::ffff: alike, but for that prefix. */
static __always_inline __u64 pseudo_sum(const struct packet *packet, __u32 length, __u8 protocol)
{
	__u64 sum = bpf_htonl(length) + (__u64)bpf_htonl(protocol);

	if (packet->family == 4)
		return sum + packet->source.ipv4 + packet->destination.ipv4;
	for (int i = 0; i < 4; i++)
		sum += (__u64)packet->source.words[i] + packet->destination.words[i];
	return sum;
}

/* RFC 9293, 3.10.7.1: the sequence number that the sender expects; without an acknowledgement, one that acknowledges all it sent. `length`: its sequence space. */
static __always_inline void fill_reset(struct tcphdr *reset, const struct packet *packet, const struct tcphdr *to, __u32 length)
{
	__builtin_memset(reset, 0, sizeof(*reset));
	reset->source = to->dest;
	reset->dest = to->source;
	reset->doff = sizeof(*reset) / 4;
	reset->rst = 1;
	if (packet->tcp_flags & TCP_ACK) {
		reset->seq = to->ack_seq;
	} else {
		reset->ack = 1;
		reset->ack_seq = bpf_htonl(bpf_ntohl(to->seq) + length);
	}
}

/* RFC 5961, 3.2: as the segment that it takes the place of, so that its receiver takes it for what comes next. */
static __always_inline void make_reset(struct tcphdr *segment, const struct service_flow *service)
{
	struct tcphdr reset = { .seq = segment->seq, .ack_seq = segment->ack_seq };

	reset.source = service->frontend_port;
	reset.dest = service->client_port;
	reset.doff = sizeof(reset) / 4;
	reset.rst = 1;
	reset.ack = segment->ack;
	*segment = reset;
}

static __always_inline bool put_part(struct __sk_buff *skb, __u32 at, const void *part, __u32 size)
{
	return bpf_skb_store_bytes(skb, at, part, size, BPF_F_RECOMPUTE_CSUM) == 0;
}

/* Puts an answer where the packet was; `rest`: how much of it is put after this. */
static __always_inline bool put_answer(struct __sk_buff *skb, const void *answer, __u32 size, __u32 rest)
{
	return bpf_skb_change_tail(skb, ETH_HLEN + size + rest, 0) == 0 && put_part(skb, ETH_HLEN, answer, size);
}

/* How many sequence numbers a segment takes. */
static __always_inline __u32 sequence_space(const struct __sk_buff *skb, const struct packet *packet, const struct tcphdr *tcp)
{
	return skb->len - packet->transport_offset - tcp->doff * 4 + !!(packet->tcp_flags & TCP_SYN) + !!(packet->tcp_flags & TCP_FIN);
}

/* To the packet's source, from its destination. */
static __noinline bool put_reset(struct __sk_buff *skb, const struct packet *packet, struct tcphdr *reset)
{
	union {
		struct iphdr ipv4;
		struct ipv6hdr ipv6;
	} header;
	__u32 size = packet->family == 4 ? sizeof(header.ipv4) : sizeof(header.ipv6);

	reset->check = ~fold(pseudo_sum(packet, sizeof(*reset), IPPROTO_TCP) + (__u32)bpf_csum_diff(NULL, 0, (__be32 *)reset, sizeof(*reset), 0));
	__builtin_memset(&header, 0, sizeof(header));
	if (packet->family == 4)
		fill_header4(&header.ipv4, packet, sizeof(header.ipv4) + sizeof(*reset), IPPROTO_TCP);
	else
		fill_header6(&header.ipv6, packet, sizeof(*reset), IPPROTO_TCP);
	return put_answer(skb, &header, size, sizeof(*reset)) && put_part(skb, ETH_HLEN + size, reset, sizeof(*reset));
}

/* A function of its own: its room on the stack is nobody's who refuses nothing. */
static __noinline bool answer_reset(struct __sk_buff *skb, const struct packet *packet)
{
	struct tcphdr tcp, reset;

	if (packet->tcp_flags & TCP_RST || bpf_skb_load_bytes(skb, packet->transport_offset, &tcp, sizeof(tcp)) != 0)
		return false;
	fill_reset(&reset, packet, &tcp, sequence_space(skb, packet, &tcp));
	return put_reset(skb, packet, &reset);
}

/* A segment of a backend that its service has no longer (stages/balance.h has named both ends) becomes a reset of the service's to the client. */
static __noinline bool become_reset(struct __sk_buff *skb, struct run *run)
{
	struct packet *packet = &run->packet;
	struct tcphdr tcp;

	if (packet->entry != ENTRY_REPLY || !packet->is_translated || packet->protocol != IPPROTO_TCP)
		return false;
	if (bpf_skb_load_bytes(skb, packet->transport_offset, &tcp, sizeof(tcp)) != 0)
		return false;
	make_reset(&tcp, &run->service);
	packet->source = packet->destination;
	packet->destination = run->service.frontend;
	return put_reset(skb, packet, &tcp);
}

/* The same for a client of this node that the stack doesn't lead the packet to. The program's answer to the kernel. */
static __always_inline int hand_reset(struct __sk_buff *skb, struct run *run)
{
	const struct endpoint *client = endpoint_of_slot(run->packet.target);

	if (!client || !become_reset(skb, run) || bpf_skb_store_bytes(skb, 0, client->mac, 2 * ETH_ALEN, 0) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect_peer(client->ifindex, 0);
}

static __noinline bool answer_unreachable4(struct __sk_buff *skb, const struct packet *packet)
{
	struct unreachable4 answer;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, answer.quoted, sizeof(answer.quoted)) != 0)
		return false;
	fill_header4(&answer.ip, packet, sizeof(answer), IPPROTO_ICMP);
	answer.icmp = (struct icmp_error){ .type = ICMP_UNREACHABLE, .code = PORT_UNREACHABLE };
	answer.icmp.check = ~fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)&answer.icmp, sizeof(answer) - sizeof(answer.ip), 0));
	return put_answer(skb, &answer, sizeof(answer), 0);
}

static __noinline bool answer_unreachable6(struct __sk_buff *skb, const struct packet *packet)
{
	const __u32 length = sizeof(struct unreachable6) - sizeof(struct ipv6hdr);
	struct unreachable6 answer;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, answer.quoted, sizeof(answer.quoted)) != 0)
		return false;
	fill_header6(&answer.ip, packet, length, IPPROTO_ICMPV6);
	answer.icmp = (struct icmp_error){ .type = ICMP6_UNREACHABLE, .code = PORT_UNREACHABLE_6 };
	answer.icmp.check = ~fold(pseudo_sum(packet, length, IPPROTO_ICMPV6) + (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&answer.icmp, length, 0));
	return put_answer(skb, &answer, sizeof(answer), 0);
}

/* The program's answer to the kernel about a packet that dropped for want of a backend: back to its sender, as from whom it was for. */
static __always_inline int refuse(struct __sk_buff *skb, struct run *run)
{
	const struct packet *packet = &run->packet;
	const struct endpoint *sender = endpoint_of_slot(packet->slot);
	bool answered;

	if (packet->entry == ENTRY_REPLY)
		return hand_reset(skb, run);
	if (!sender)
		return TC_ACT_SHOT;
	if (packet->protocol == IPPROTO_TCP)
		answered = answer_reset(skb, packet);
	else
		answered = packet->family == 4 ? answer_unreachable4(skb, packet) : answer_unreachable6(skb, packet);
	if (!answered || bpf_skb_store_bytes(skb, 0, sender->mac, 2 * ETH_ALEN, 0) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect_peer(sender->ifindex, 0);
}
