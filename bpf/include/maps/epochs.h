/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The node's clock, and the epochs of what has no table entry to keep one in (design D2). Written by the agent only, in the order that flow/README.md gives. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../parse/packet.h"
#include "../types/config.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct node_state);
} node_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PEER_EPOCHS);
	__type(key, __u32);
	__type(value, __u32);
} peer_epochs SEC(".maps");

/* To be taken before a decision's first read. */
static __always_inline __u32 clock_sample(void)
{
	__u32 zero = 0;
	const struct node_state *state = bpf_map_lookup_elem(&node_state, &zero);

	return state ? flow_sample(&state->clock) : 0;
}

static __always_inline __u32 prefix_epoch(void)
{
	__u32 zero = 0;
	const struct node_state *state = bpf_map_lookup_elem(&node_state, &zero);

	return state ? state->prefix_epoch : 0;
}

static __always_inline __u32 peer_epoch_at(__u32 index)
{
	const __u32 *epoch = bpf_map_lookup_elem(&peer_epochs, &index);

	return epoch ? *epoch : 0;
}

/* Changes together with the entry of this address, and with those of some other addresses. */
static __always_inline __u32 peer_epoch(__u8 family, const union address *address)
{
	return peer_epoch_at(family == 4 ? flow_peer_index4(address->ipv4) : flow_peer_index6(address));
}
