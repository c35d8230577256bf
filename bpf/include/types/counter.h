/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Every program run ends in exactly one of these (design D7). */
#pragma once

#include <linux/types.h>

/*
 * Map `counters`: per-CPU array. Index: direction × 256 + reason for drops (enum drop_reason), direction × 256 + enum forward_class for the others, and BY_FLOW_ENTRY more where the flow table
 * knew the packet: one count tells both.
 */
enum forward_class {
	FORWARD_TO_ENDPOINT = 1,
	FORWARD_TO_STACK = 2,
	FORWARD_TO_HOST = 3,
	ANSWERED = 4, /* ARP and neighbour discovery, by the program itself */
	CONSUMED = 5, /* harmless link-local chatter (MLD, router solicitation): not policed, not passed on */
	FORWARD_TO_NODE = 6, /* by the tunnel to another node */
};

enum {
	BY_FLOW_ENTRY = 64,
};

/* Not packets: beyond 3 × 256. */
enum side_counter {
	COUNTER_EVENTS_SENT = 768,
	COUNTER_EVENTS_LOST = 769,
	COUNTER_FLOW_STALE = 771,
	COUNTER_FLOW_INSERT = 772,
	COUNTER_DECISION_HIT = 773,
	COUNTER_DECISION_MISS = 774,
	COUNTERS = 1024,
};

struct counter {
	__u64 packets;
	__u64 bytes;
};
