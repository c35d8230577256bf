/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The pods of this node, and the interfaces by which they are attached. Written by the agent only. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../types/endpoint.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, INTERFACES);
	__type(key, __u32);
	__type(value, struct interface);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its alignment: a plain array's values begin at 56 mod 64, and each would lie in two cache lines */
	__uint(max_entries, ENDPOINTS);
	__type(key, __u32);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

/* NULL: the zone is no endpoint's slot. Slot 0 is never used, its entry zero. */
static __always_inline const struct endpoint *endpoint_of_slot(__u32 slot)
{
	return bpf_map_lookup_elem(&endpoints, &slot);
}

/* 0: the agent has not (or no longer) made an endpoint of this interface. */
static __always_inline __u16 slot_of_interface(__u32 ifindex)
{
	const struct interface *interface = bpf_map_lookup_elem(&interfaces, &ifindex);

	return interface ? interface->slot : 0;
}
