/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who has an address. Written by the agent only. */
#pragma once

#include <linux/types.h>

/* Reserved identities (semantics: labels and identities). */
enum reserved_identity {
	IDENTITY_UNKNOWN = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_WORLD_IPV4 = 9,
	IDENTITY_WORLD_IPV6 = 10,
	IDENTITY_CLUSTER_FIRST = 256,
	IDENTITY_LOCAL_FIRST = 1 << 24, /* node-local: prefixes */
};

/* Maps `addresses_v4` (hash, key __be32) and `addresses_v6` (hash, key __u8[16]): endpoints of all nodes, and nodes. */
struct peer {
	__u32 identity;
	__u16 slot; /* local endpoint; 0: elsewhere */
	__u16 node; /* slot of the node to which a tunnel leads there (types/node.h); 0: this node, or routed without a tunnel */
};

struct prefix4_key {
	__u32 prefix_length;
	__be32 address;
};

struct prefix6_key {
	__u32 prefix_length;
	__u8 address[16];
};

/*
 * Maps `prefixes_v4`, `prefixes_v6` (longest prefix match). `identity`: of addresses that no endpoint or node has; IDENTITY_UNKNOWN inside the cluster's
 * own ranges (design D4). `peer_class`: number of the longest policy prefix that covers the entry; it also classes addresses of endpoints and nodes
 * (Kubernetes' ipBlock goes by address); 0: none.
 */
struct prefix {
	__u32 identity;
	__u32 peer_class;
};
