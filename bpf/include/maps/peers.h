/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who has an address: endpoints and nodes by exact match, everybody else by longest prefix. Written by the agent only. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../parse/packet.h"
#include "../types/endpoint.h"
#include "../types/peer.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __be32);
	__type(value, struct peer);
} addresses_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u8[16]);
	__type(value, struct peer);
} addresses_v6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct prefix4_key);
	__type(value, struct prefix);
} prefixes_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct prefix6_key);
	__type(value, struct prefix);
} prefixes_v6 SEC(".maps");

/* The endpoint or node that has this very address; NULL: none has. The key is a copy: Linux 6.1 takes none from the memory that a global function was handed. */
static __always_inline const struct peer *peer_of_address(__u8 family, const union address *address)
{
	union address key = *address;

	if (family == 4)
		return bpf_map_lookup_elem(&addresses_v4, &key.ipv4);
	return bpf_map_lookup_elem(&addresses_v6, &key);
}

/* The longest prefix that covers the address; NULL: no prefix does (the agent has not put in the default ones yet). */
static __always_inline const struct prefix *prefix_of_address(__u8 family, const union address *address)
{
	struct prefix4_key key4 = { .prefix_length = 32 };
	struct prefix6_key key6 = { .prefix_length = 128 };

	if (family == 4) {
		key4.address = address->ipv4;
		return bpf_map_lookup_elem(&prefixes_v4, &key4);
	}
	__builtin_memcpy(key6.address, address, sizeof(key6.address));
	return bpf_map_lookup_elem(&prefixes_v6, &key6);
}

/* Where packets of somebody come in who is no pod of this node. */
static __always_inline __u16 zone_of_peer(const struct peer *peer)
{
	if (peer->identity == IDENTITY_HOST)
		return ZONE_HOST;
	return peer->node ? ZONE_NODE + peer->node : ZONE_NATIVE;
}
