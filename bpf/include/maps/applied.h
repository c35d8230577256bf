/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which cluster-wide identities every policy of this node already knows (design D5). Written by the agent only. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../types/config.h"
#include "../types/peer.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, APPLIED_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} applied_identities SEC(".maps");

/* Reserved identities and node-local ones (prefixes) need no bit; identities of other clusters have none yet. */
static __always_inline bool identity_is_applied(__u32 identity)
{
	__u32 index = identity / 64;
	const __u64 *word;

	if (identity < IDENTITY_CLUSTER_FIRST || identity >= IDENTITY_LOCAL_FIRST)
		return true;
	word = bpf_map_lookup_elem(&applied_identities, &index);
	return word && (*(volatile const __u64 *)word >> (identity % 64) & 1);
}
