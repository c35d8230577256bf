/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which flows were denied lately. The first denial of a flow leaves a mark here, only the second an entry in the flow table: a scan, whose packets are all of different flows, costs no entries and
 * drives none out.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

enum {
	DENIALS = 8192,
};

/* By the low bits of a flow's hash: its high half. Flows that share a place and processors that write at the same time overwrite each other: such a flow is remembered one denial later. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DENIALS);
	__type(key, __u32);
	__type(value, __u32);
} denials SEC(".maps");

/* Whether a flow with this hash has been denied before; from now on it has. */
static __always_inline bool denied_before(__u64 hash)
{
	__u32 index = hash & (DENIALS - 1), mark = hash >> 32;
	__u32 *place = bpf_map_lookup_elem(&denials, &index);
	bool before = place && *place == mark;

	if (place)
		*place = mark;
	return before;
}
