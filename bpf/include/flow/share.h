/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who has how many entries (design D8). Counted under the lock of the entry's bucket, so that count and entry never disagree for longer than that. */
#pragma once

#include "bucket.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_shares);
} flow_shares SEC(".maps");

static __always_inline struct flow_shares *flow_shares_of_node(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&flow_shares, &index);
}

/* The endpoint that an entry is charged to: the flow's opener, or where that is none, the other end. 0: neither is an endpoint. */
static __always_inline __u32 flow_owner(__u16 zone, __u16 target, __u8 flags)
{
	__u32 owner = flags & FLOW_TARGET_OWNS ? target : zone;

	return owner < FLOW_OWNERS ? owner : 0;
}

/* Place in `struct flow_shares` seen as an array of counts; FLOW_UNCOUNTED for classes that give way to everybody. */
enum {
	FLOW_COUNTS = sizeof(struct flow_shares) / sizeof(__u32),
	FLOW_UNCOUNTED = FLOW_COUNTS,
};

static __always_inline __u32 flow_count_of(__u32 owner, __u8 class)
{
	if (class < FLOW_HALF_OPEN)
		return FLOW_UNCOUNTED;
	return owner * 2 + (class >= FLOW_ESTABLISHED);
}

/* The mask is for the verifier, which doesn't see that a count is below FLOW_COUNTS; the barrier keeps clang from seeing it. */
static __always_inline __u32 *flow_count_in(struct flow_shares *shares, __u32 count)
{
	barrier_var(count);
	return (__u32 *)shares + (count & (FLOW_COUNTS - 1));
}

static __always_inline void flow_release(struct flow_shares *shares, __u32 count, __u32 entries)
{
	if (count < FLOW_COUNTS)
		__sync_fetch_and_add(flow_count_in(shares, count), -entries);
}

static __always_inline void flow_charge(struct flow_shares *shares, __u32 count, __u32 entries)
{
	if (count < FLOW_COUNTS)
		__sync_fetch_and_add(flow_count_in(shares, count), entries);
}

static __always_inline __u32 flow_share_of(__u32 count)
{
	__u32 share = count & 1 ? flow_established_share : flow_young_share;

	return share ? share : (flow_mask4 + flow_mask6 + 2) * FLOW_WAYS >> (count & 1 ? 2 : 4);
}

/* Charges if that stays within the share. */
static __always_inline bool flow_claim(struct flow_shares *shares, __u32 count, __u32 entries)
{
	if (count >= FLOW_COUNTS)
		return true;
	if (__sync_fetch_and_add(flow_count_in(shares, count), entries) + entries <= flow_share_of(count))
		return true;
	flow_release(shares, count, entries);
	return false;
}

/* An entry charged to `from` becomes one charged to `to`. */
static __always_inline bool flow_recharge(struct flow_shares *shares, __u32 from, __u32 to)
{
	if (from == to)
		return true;
	if (!flow_claim(shares, to, 1))
		return false;
	flow_release(shares, from, 1);
	return true;
}

static __always_inline bool flow_share_is_used_up(struct flow_shares *shares, __u32 count)
{
	return count < FLOW_COUNTS && FLOW_LOAD(*flow_count_in(shares, count)) >= flow_share_of(count);
}
