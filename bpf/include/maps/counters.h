/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What became of every packet (design D7), and a few counts beside. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../types/counter.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

/* Plain adds suffice: tc programs of one CPU never interrupt each other. */
static __always_inline void count(__u32 index, __u32 bytes)
{
	struct counter *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter) {
		counter->packets += 1;
		counter->bytes += bytes;
	}
}
