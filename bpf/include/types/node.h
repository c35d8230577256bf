/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Other nodes that are reached through a tunnel. Written by the agent only. */
#pragma once

#include <linux/types.h>

enum {
	NODES = 4096,
};

/* Map `nodes`: array by node slot (1 … NODES - 1; zone ZONE_NODE + slot). A slot is one node's for ever. */
struct node {
	__u8 mac[6]; /* of its tunnel device */
	__u8 own_mac[6]; /* of this node's: both lie as they do in a frame to it */
	__u32 interface; /* this node's tunnel device; 0: there is no tunnel to that node */
	__u8 address[16]; /* outer; IPv4 as ::ffff:a.b.c.d */
	__u32 mtu; /* of packets inside */
	__u32 family; /* of the outer address: 4 or 6 */
};

/* Map `node_slots` (hash, key __u8[16]): slot by outer address. */
/* Map `pod_ranges` (longest prefix match, key struct prefix6_key, IPv4 behind ::ffff:): slot of the node that has the range. Raises node_state.prefix_epoch. */
struct node_slot {
	__u32 slot;
};
