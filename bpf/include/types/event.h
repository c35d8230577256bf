/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Records of the ring buffer `events`. One fixed layout for all kinds. */
#pragma once

#include <linux/types.h>

enum event_type {
	EVENT_VERDICT = 1, /* a new flow was let through */
	EVENT_DROP = 2, /* and `repeats` more since the last record: of the same flow where that has an entry, else of the same pod and reason (types/repeats.h) */
	EVENT_CLOSE = 3, /* a flow ended; packets and bytes of the direction named */
};

/* Whether the packet answers others of its flow. */
enum event_reply {
	EVENT_REPLY_NO = 0,
	EVENT_REPLY_YES = 1,
	EVENT_REPLY_UNKNOWN = 2, /* dropped before its flow was looked for */
};

struct event {
	__u64 time_ns; /* CLOCK_BOOTTIME, to a jiffy: records that a processor makes in one jiffy all have the time of the first */
	__u64 packets;
	__u64 bytes;
	__u8 source[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u8 destination[16];
	__be16 source_port; /* ICMP: type */
	__be16 destination_port; /* ICMP: code */
	__u32 source_identity;
	__u32 destination_identity;
	__u32 egress_origin; /* who decided at the source; 0: not isolated or not asked */
	__u32 ingress_origin;
	__u32 ifindex;
	__u32 length;
	__u32 repeats;
	__u16 source_zone;
	__u16 destination_zone;
	__u8 type; /* enum event_type */
	__u8 verdict; /* enum verdict */
	__u8 reason; /* enum drop_reason */
	__u8 direction; /* enum direction: at which end a drop was decided */
	__u8 family; /* 4, 6; 0: neither */
	__u8 protocol; /* IPPROTO_* */
	__u8 tcp_flags;
	__u8 reply; /* enum event_reply */
	__u8 source_mac[6];
	__u8 destination_mac[6];
};
