/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A pod of this node. Written by the agent only. */
#pragma once

#include <linux/types.h>

/* Zones: where a packet came in (design D1). Endpoint slots are 1 … ZONE_NODE - 1, node slots ZONE_NODE + n. */
enum zone {
	ZONE_NODE = 0x8000,
	ZONE_NATIVE = 0xfffe,
	ZONE_HOST = 0xffff,
};

enum endpoint_flags {
	ENDPOINT_HAS_IPV4 = 1,
	ENDPOINT_HAS_IPV6 = 2,
	ENDPOINT_READY = 4, /* its policy is in the maps; without it every packet drops with 203 (design D6) */
	ENDPOINT_AUDIT = 8,
};

enum {
	ENDPOINTS = 4096,
	INTERFACES = 65536,
};

/* Map `endpoints`: array by slot (1 … ENDPOINTS - 1). One cache line. */
struct endpoint {
	__u32 epoch; /* raised after every change of this entry, never lowered, not even when the slot is given again (design D2) */
	__u32 ifindex; /* node side of the veth pair; 0: slot not in use */
	__u32 identity; /* read together with `subject`, as one 64-bit word */
	__u32 subject; /* index into `subjects` */
	__be32 ipv4;
	__u8 mac[6]; /* the pod's */
	__u8 node_mac[6]; /* of the node side: what the pod sees as its gateway's */
	__u32 flags; /* enum endpoint_flags */
	__u32 pad;
	__u8 ipv6[16];
	__u64 reserved;
};

/* Map `interfaces`: array by ifindex of the node side of a veth pair (1 … INTERFACES - 1). */
struct interface {
	__u32 slot; /* 0: none */
};
