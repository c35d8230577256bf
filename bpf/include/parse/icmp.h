/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP and ICMPv6, whose headers have one shape. (The kernel's own header for ICMP pulls in libc.) */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <stdbool.h>

#include "../types/reason.h"
#include "packet.h"

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 id; /* echo; else the first half of a word that depends on the type */
	__be16 sequence;
};

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_REDIRECT = 5,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_PACKET_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_GROUP_QUERY = 130,
	ICMP6_GROUP_REPORT = 131,
	ICMP6_GROUP_DONE = 132,
	ICMP6_ROUTER_SOLICITATION = 133,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_GROUP_REPORT_2 = 143,
};

/* Type of the request that opens an echo's flow. */
static __always_inline __u8 echo_request(__u8 family)
{
	return family == 4 ? ICMP_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
}

static __always_inline __u8 echo_reply(__u8 family)
{
	return family == 4 ? ICMP_ECHO_REPLY : ICMP6_ECHO_REPLY;
}

/* The ports of a message's flow, as struct packet describes them. */
static __always_inline void icmp_ports(struct packet *packet, __be16 id)
{
	__be16 request = bpf_htons(echo_request(packet->family));

	packet->source_port = 0;
	packet->destination_port = bpf_htons(packet->icmp_type);
	if (packet->icmp_type == echo_request(packet->family)) {
		packet->source_port = id;
	} else if (packet->icmp_type == echo_reply(packet->family)) {
		packet->source_port = request;
		packet->destination_port = id;
	}
}

static __always_inline enum packet_kind icmp_kind(__u8 type)
{
	switch (type) {
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return PACKET_ICMP_ERROR;
	}
	return PACKET_FLOW;
}

static __always_inline enum packet_kind icmp6_kind(__u8 type)
{
	switch (type) {
	case ICMP6_UNREACHABLE ... ICMP6_PARAMETER_PROBLEM:
		return PACKET_ICMP_ERROR;
	case ICMP6_GROUP_QUERY ... ICMP6_REDIRECT:
	case ICMP6_GROUP_REPORT_2:
		return PACKET_LINK_LOCAL;
	}
	return PACKET_FLOW;
}

static __always_inline int parse_icmp(struct packet *packet, const void *header, const void *end)
{
	const struct icmp_header *icmp = header;

	if ((const void *)(icmp + 1) > end)
		return REASON_TRUNCATED_HEADER;
	packet->icmp_type = icmp->type;
	packet->icmp_code = icmp->code;
	packet->kind = packet->family == 4 ? icmp_kind(icmp->type) : icmp6_kind(icmp->type);
	icmp_ports(packet, icmp->id);
	/* Would turn a neighbour's routes. */
	return packet->family == 4 && icmp->type == ICMP_REDIRECT ? REASON_INVALID_PACKET : REASON_NONE;
}
