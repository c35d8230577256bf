/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Other nodes that are reached through a tunnel. Written by the agent only. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../parse/packet.h"
#include "../types/endpoint.h"
#include "../types/node.h"
#include "../types/peer.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NODES);
	__type(key, __u32);
	__type(value, struct node);
} nodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NODES);
	__type(key, __u8[16]);
	__type(value, struct node_slot);
} node_slots SEC(".maps");

/* Slots of nodes that packets came from, by a hash of their address. Filled here; whether one is right says the node's own entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NODES);
	__type(key, __u32);
	__type(value, __u32);
} likely_nodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct prefix6_key);
	__type(value, struct node_slot);
} pod_ranges SEC(".maps");

/* Whether packets of this zone come by a tunnel, and those to it go by one. */
static __always_inline bool is_node_zone(__u16 zone)
{
	return zone >= ZONE_NODE && zone < ZONE_NODE + NODES;
}

/* NULL: no tunnel leads there. */
static __always_inline const struct node *node_of_zone(__u16 zone)
{
	__u32 slot = zone - ZONE_NODE;
	const struct node *node = bpf_map_lookup_elem(&nodes, &slot);

	return node && node->interface ? node : NULL;
}

static __always_inline bool is_address_of_node(const struct node *node, const union address *outer)
{
	const union address *address = (const union address *)node->address;

	return ((address->halves[0] ^ outer->halves[0]) | (address->halves[1] ^ outer->halves[1])) == 0;
}

static __noinline __u16 find_node(const union address *outer, __u32 *likely)
{
	union address key = *outer;
	const struct node_slot *node = bpf_map_lookup_elem(&node_slots, &key);

	if (!node)
		return 0;
	*likely = node->slot;
	return ZONE_NODE + node->slot;
}

/* Zone of the node that has this outer address; 0: no node of the cluster has. */
static __always_inline __u16 zone_of_node_address(const union address *outer)
{
	__u32 index = outer->words[3] * 0x9e3779b1u >> 20;
	__u32 *likely = bpf_map_lookup_elem(&likely_nodes, &index);
	const struct node *node;
	__u32 slot;

	if (!likely)
		return 0;
	slot = *likely;
	node = bpf_map_lookup_elem(&nodes, &slot);
	if (node && node->interface && is_address_of_node(node, outer))
		return ZONE_NODE + slot;
	return find_node(outer, likely);
}

/* Zone of the node in whose pod ranges the address lies; 0: in no other node's. */
static __always_inline __u16 zone_of_pod_range(const union address *address)
{
	struct prefix6_key key = { .prefix_length = 128 };
	const struct node_slot *node;

	__builtin_memcpy(key.address, address, sizeof(key.address));
	node = bpf_map_lookup_elem(&pod_ranges, &key);
	return node ? ZONE_NODE + node->slot : 0;
}
