/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the address tables said of an address last time: two look-ups there become one in an array. An entry is as old as the node's clock was before the tables were read, and holds as long as
 * neither the address' epoch nor the prefixes' is younger (design D2; the same rule as for flows). Per CPU, so that nobody reads a half-written one.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../parse/packet.h"
#include "epochs.h"

enum {
	HOLDERS = 1024,
};

/* Who has an address. */
struct holder {
	union address address;
	__u32 decided; /* the clock before the tables were read */
	__u32 identity;
	__u32 peer_class;
	__u16 zone; /* slot of a pod of this node, or what zone others' packets come from */
	__u8 family; /* 0: this place was never used */
	__u8 is_frontend; /* a service's: whoever has it otherwise is not asked */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOLDERS);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

/* The place where an address' holder is, or belongs. */
static __always_inline struct holder *holder_place(const union address *address)
{
	__u32 index = (address->halves[0] * 0x9e3779b97f4a7c15 + address->halves[1] * 0xbf58476d1ce4e5b9) >> 54;

	return bpf_map_lookup_elem(&holders, &index);
}

static __always_inline bool holder_is_current(const struct holder *holder, __u8 family, const union address *address)
{
	__u64 other = (holder->address.halves[0] ^ address->halves[0]) | (holder->address.halves[1] ^ address->halves[1]);
	__u64 decided = holder->decided;

	if (other || holder->family != family)
		return false;
	return (__s64)((decided - peer_epoch(family, address)) | (decided - prefix_epoch())) >= 0;
}
