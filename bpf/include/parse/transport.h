/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Transport headers: ports of the flow, TCP flags. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#include "../types/reason.h"
#include "icmp.h"
#include "packet.h"

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* Combinations that a sender can mean: at most one of SYN, FIN and RST, and ACK wherever it isn't a first SYN or a reset. */
static __always_inline bool tcp_flags_make_sense(__u8 flags)
{
	__u8 event = flags & (TCP_SYN | TCP_FIN | TCP_RST);

	if (event & (event - 1))
		return false;
	return flags & (TCP_ACK | TCP_SYN | TCP_RST);
}

static __always_inline int parse_tcp(struct packet *packet, const void *header, const void *end, __u32 length)
{
	const struct tcphdr *tcp = header;

	if ((const void *)(tcp + 1) > end)
		return REASON_TRUNCATED_HEADER;
	packet->tcp_flags = ((const __u8 *)tcp)[13];
	if (tcp->doff < 5 || tcp->doff * 4u > length || !tcp_flags_make_sense(packet->tcp_flags))
		return REASON_INVALID_PACKET;
	packet->ports = *(const __u32 *)tcp;
	return REASON_NONE;
}

static __always_inline int parse_udp(struct packet *packet, const void *header, const void *end, __u32 length)
{
	const struct udphdr *udp = header;

	if ((const void *)(udp + 1) > end)
		return REASON_TRUNCATED_HEADER;
	if (length < sizeof(*udp))
		return REASON_INVALID_PACKET;
	packet->ports = *(const __u32 *)udp;
	return REASON_NONE;
}

/* `length`: bytes from the transport header to the end of the datagram, as the network header has it. */
static __always_inline int parse_transport(struct packet *packet, const void *header, const void *end, __u32 length)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return parse_tcp(packet, header, end, length);
	case IPPROTO_UDP:
		return parse_udp(packet, header, end, length);
	case IPPROTO_ICMP:
		return packet->family == 4 ? parse_icmp(packet, header, end) : REASON_UNKNOWN_L4;
	case IPPROTO_ICMPV6:
		return packet->family == 6 ? parse_icmp(packet, header, end) : REASON_UNKNOWN_L4;
	}
	return REASON_UNKNOWN_L4;
}
