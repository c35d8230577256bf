/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a program knows of the packet at hand; one per run, on the stack. Filled by parse/ and stages/. No pointers: global functions, which are verified once, couldn't use them. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

/* IPv4 lies in the last four bytes, behind ::ffff:. */
union address {
	__u8 bytes[16];
	__u32 words[4];
	__u64 halves[2];
	struct {
		__u32 prefix[3];
		__be32 ipv4;
	};
};

/* Packets that aren't policed as a flow of their own. */
enum packet_kind {
	PACKET_FLOW = 0,
	PACKET_ICMP_ERROR = 1, /* speaks of another packet, which it carries: stages/related.h */
	PACKET_LINK_LOCAL = 2, /* neighbour discovery and group membership: stages/discovery.h */
};

/* What the flow table has about the packet. */
enum packet_entry {
	ENTRY_NONE = 0,
	ENTRY_ORIGINAL = 1,
	ENTRY_REPLY = 2,
};

/*
 * Ports are those of the flow's key. ICMP has none: an echo request has its id as source and its type as destination port, and an echo reply the request's
 * type as source and the id as destination, so that they are each other's reverse; other messages have 0 and their type.
 */
struct packet {
	union address source;
	union address destination;
	union {
		struct {
			__be16 source_port;
			__be16 destination_port;
		};
		__u32 ports; /* both, as they lie in memory */
	};
	__u32 redirect_to; /* interface into whose other end the packet goes */
	__u32 source_identity; /* as far as known: for events; from a tunnel: what its header claims */
	__u32 destination_identity;
	__u32 egress_origin; /* which rules decided */
	__u32 ingress_origin;
	__u32 repeats; /* packets like it that were not reported */
	__u64 bytes; /* its own and theirs */
	__u16 slot; /* of the pod at whose interface the program runs */
	__u16 zone; /* where it came in (design D1) */
	__u16 target; /* where it goes: slot of a pod of this node, or another zone */
	__u16 transport_offset; /* from the start of the frame */
	__u8 family; /* 4 or 6; 0 until parsed */
	__u8 protocol; /* IPPROTO_* */
	__u8 tcp_flags; /* byte 13 of the header */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 hop_limit;
	__u8 kind; /* enum packet_kind */
	__u8 entry; /* enum packet_entry */
	__u8 side; /* enum direction, as the pod sees it: EGRESS where it sent the packet */
	__u8 at; /* enum direction: at which end the packet is being decided */
	__u8 reply; /* it answers packets of the other direction */
	__u8 is_judged; /* `reply` says what the slow path found; before that, what is known stands in `entry` */
	__u8 audited; /* enum drop_reason that audit mode made nothing of */
	__u8 audited_at; /* enum direction */
	__u8 is_reported; /* it has its record, or is one of the repeats of another one */
	__u8 has_own_record; /* the first denial of its flow, or one whose flow entry counts those that follow; within the pod's allowance */
	__u8 known; /* BY_FLOW_ENTRY, or 0 */
	__u8 is_translated; /* it belongs to a flow whose packets are rewritten: run.translation, in the slow path run.service */
	__u8 pad[1];
};
