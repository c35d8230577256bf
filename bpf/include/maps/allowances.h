/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How many denied flows of a pod have a record of their own. A pod that scans, or is scanned, would fill the ring buffer with them, and other pods' records would be lost: those beyond the allowance are
 * told together instead (stages/repeats.h).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../flow/clock.h"
#include "../types/endpoint.h"
#include "../types/reason.h"
#include "../types/repeats.h"

/* Of one pod, as the sender or as the receiver. */
struct allowance {
	__u32 tick; /* flow_now() */
	__u32 used; /* in that tick */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ENDPOINTS * 2);
	__type(key, __u32);
	__type(value, struct allowance);
} allowances SEC(".maps");

/* `side`: enum direction, as the pod sees the packet. */
static __always_inline struct allowance *allowance_of(__u32 slot, __u8 side)
{
	__u32 index = slot * 2 + (side == DIRECTION_INGRESS);

	return bpf_map_lookup_elem(&allowances, &index);
}

/* Whether one more flow may have its record; then that is used up. Counted plainly: processors at the same time may use a few more. */
static __always_inline bool use_allowance(__u32 slot, __u8 side)
{
	struct allowance *allowance = allowance_of(slot, side);
	__u32 now = flow_now(), used;

	if (!allowance)
		return false;
	used = FLOW_LOAD(allowance->tick) == now ? FLOW_LOAD(allowance->used) : 0;
	if (used >= REPEATS_ALLOWANCE)
		return false;
	FLOW_STORE(allowance->used, used + 1);
	FLOW_STORE(allowance->tick, now);
	return true;
}
