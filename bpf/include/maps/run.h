/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What one run of a program works with; the stack of 512 bytes has no room for it. A tc program has its processor for itself until it returns: it runs with soft interrupts off, and in hard ones
 * there is no tc.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../parse/end.h"
#include "../parse/packet.h"
#include "../parse/ruling.h"
#include "../parse/translation.h"
#include "../types/event.h"

union flow_key {
	struct flow_key4 ipv4;
	struct flow_key6 ipv6;
};

/* When the last record was made: stages/report.h. */
struct moment {
	__u64 jiffy;
	__u64 time_ns;
};

struct run {
	struct packet packet;
	/* What follows is as the last run left it. */
	union flow_key key; /* filled by recall(), which every packet passes before it is decided */
	struct end own;
	struct end far;
	struct ruling ruling;
	struct flow_decision decision;
	struct service_flow service; /* while packet.is_translated: what the packet's flow is about */
	struct translation translation; /* of the packet, as its entry or the slow path has it */
	struct renamed renamed; /* the packet as it goes on */
	struct renamed quoted; /* what an ICMP error quotes, likewise */
	struct event record; /* stages/repeats.h */
	struct moment moment; /* kept from run to run */
	struct bpf_tunnel_key arrived_by; /* whole: the helper fills all of it */
	struct bpf_tunnel_key leaves_by; /* what isn't set is never set, and zero */
	union {
		struct flow_ends4 ends4;
		struct flow_ends6 ends6;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct run);
} runs SEC(".maps");

_Static_assert(offsetof(struct run, far) == offsetof(struct run, own) + sizeof(struct end), "end_of() finds either by arithmetic");

/* Never NULL, but the verifier doesn't know. */
static __always_inline struct run *run_of_processor(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&runs, &zero);
}
