/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Memory for the slow path: its structs and those of programs that call it don't fit into 512 bytes of stack together. tc programs of one processor never interrupt each other. */
#pragma once

#include "visit.h"

struct flow_work {
	struct flow_visit original;
	struct flow_visit reply;
	struct flow_visit guest;
	__u64 reverse[FLOW_WORDS6];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_work);
} flow_works SEC(".maps");

static __always_inline struct flow_work *flow_work(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&flow_works, &index);
}
