/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Time in ticks, and the node's clock of changes (README: "What writers must do"). */
#pragma once

#include <stdbool.h>

#include "memory.h"

/* The helper is inlined as one load (5.6). Jiffies don't pass while the machine sleeps, and neither do lifetimes. */
static __always_inline __u32 flow_now(void)
{
	return bpf_jiffies64() >> flow_tick_shift;
}

/* A processor that read the time a little earlier finds an entry seen in the future: alive. */
static __always_inline bool flow_is_alive(__u32 now, __u32 last_seen, __u8 class)
{
	return (__s32)(now - last_seen) <= (__s32)flow_lifetimes[class & (FLOW_CLASSES - 1)];
}

/* The clock before a decision's first read: nothing read afterwards is older than it says. */
static __always_inline __u32 flow_sample(const __u32 *clock)
{
	__u32 now = FLOW_LOAD(*clock);

	flow_fence();
	return now;
}

/* Decided after the last change of everything it depends on? An end that is a local endpoint brings two epochs (its entry's and its subject's), any other two as well (its address' and the prefixes'). */
static __always_inline bool flow_is_current(const struct flow_action *action, __u32 source, __u32 source_too, __u32 destination, __u32 destination_too)
{
	__u64 decided = action->decided;

	/* Signs are gathered: one branch instead of four. */
	return (__s64)((decided - source) | (decided - source_too) | (decided - destination) | (decided - destination_too)) >= 0;
}

/* Index into `peer_epochs`: 32-bit words as they lie in memory, h = (h ^ word) × 0x9e3779b1, the top 12 bits. */
static __always_inline __u32 flow_peer_index4(__be32 address)
{
	return address * 0x9e3779b1u >> 20;
}

static __always_inline __u32 flow_peer_index6(const void *address)
{
	const __u32 *words = address;
	__u32 hash = 0;

	for (int i = 0; i < 4; i++)
		hash = (hash ^ words[i]) * 0x9e3779b1u;
	return hash >> 20;
}
