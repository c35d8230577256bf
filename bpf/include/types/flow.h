/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The flow table's layout. Written by the programs only; user space reads it with BPF_F_LOCK. README beside the code: bpf/include/flow. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

enum {
	FLOW_LAYOUT = 2, /* raised with every change of what is below; in every bucket that ever held an entry */
	FLOW_WAYS = 8,
	FLOW_BUCKETS_V4 = 32768, /* defaults; the loader may choose any power of two up to 2^24, and sets `flow_mask4`, `flow_mask6` to it less one */
	FLOW_BUCKETS_V6 = 8192,
	FLOW_SEEDS = 6,
	FLOW_OWNERS = 4096, /* endpoint slots; 0: flows of no endpoint */
};

/*
 * One direction of a flow as its packets show it. `zone`: where they come in (design D1, enum zone). ICMP and ICMPv6 echo: request {identifier, 0}, answer {0, identifier}, so that only the
 * answer to a request is its reverse. `pad` is zero.
 */
struct flow_key4 {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 zone;
	__u8 protocol;
	__u8 pad;
} __attribute__((aligned(8)));

struct flow_key6 {
	__u8 source[16];
	__u8 destination[16];
	__be16 source_port;
	__be16 destination_port;
	__u16 zone;
	__u8 protocol;
	__u8 pad;
} __attribute__((aligned(8)));

/* Worth of an entry: what is lower gives way to what is higher. Also the index into `flow_lifetimes`. */
enum flow_class {
	FLOW_EMPTY = 0,
	FLOW_NEGATIVE = 1, /* its packets drop */
	FLOW_CLOSING = 2, /* TCP: reset, or finished by both ends */
	FLOW_HALF_OPEN = 3, /* TCP: began with a SYN, not yet answered and acknowledged */
	FLOW_ONE_WAY = 4, /* other protocols, and TCP picked up midway: the same */
	FLOW_ESTABLISHED = 5, /* the opener spoke again after an answer */
	FLOW_ESTABLISHED_TCP = 6,
	FLOW_CLASSES = 8,
};

enum flow_flags {
	FLOW_REPLY = 1, /* packets of this entry answer those of the original direction */
	FLOW_RELATED = 2, /* errors about another flow; decided with it */
	FLOW_TARGET_OWNS = 4, /* charged to endpoint `target`, else to endpoint `zone` */
	FLOW_GUEST = 8, /* lies in its second bucket */
	FLOW_FINISHED = 16, /* TCP: FIN seen in this direction */
	FLOW_OTHER_FINISHED = 32, /* and in the other */
	FLOW_ANSWERED = 64, /* a reply has been seen */
	FLOW_AT_INGRESS = 128, /* negative: decided at the destination (enum direction INGRESS), else at the source */
};

/* What to do with a packet of this entry, and since when that is known. */
struct flow_action {
	__u64 rewrite; /* negative: enum drop_reason in the low byte, and of a flow to a service whom it would have gone to; else what packets become: flow/translate.h; 0: nothing else */
	__u32 decided; /* the node's clock sampled before the decision's first read (design D2) */
	__u32 identity; /* of the end that is no local endpoint; 0 where both are */
	__u32 origin; /* negative: of the decision; else of the egress one */
	__u16 target; /* zone of the other end: endpoint slot to deliver to, else the stack's business. The reply's key has it as its zone */
	__u8 flags; /* enum flow_flags */
	__u8 class; /* enum flow_class */
};

struct flow_state {
	__u32 version; /* odd while it changes */
	__u32 last_seen; /* ticks: jiffies >> flow_tick_shift */
	__u64 counter; /* packets << 40 | bytes since the last harvest */
	struct flow_action action;
};

enum {
	FLOW_PACKETS_SHIFT = 40,
};

struct flow_entry4 {
	struct flow_state state;
	struct flow_key4 key;
};

struct flow_entry6 {
	struct flow_state state;
	struct flow_key6 key;
	__u8 rewrite_address[16];
	__u64 reserved[2];
};

/* A way begins with eight bytes of its bucket's: way 1: tags, one byte each, 0 = empty; ways 2 … 5: ingress origins of two ways each (way w: bytes 4 (w mod 2) of way 2 + w / 2). */
struct flow_way4 {
	__u64 head;
	struct flow_entry4 entry;
};

struct flow_way6 {
	__u64 head;
	struct flow_entry6 entry;
	__u64 reserved;
};

/* Value of map `flows_v4`: 512 bytes, a way in each cache line. */
struct flow_bucket4 {
	struct bpf_spin_lock lock;
	__u16 guests; /* entries at home here that lie in their second bucket; 65535 sticks */
	__u16 layout;
	struct flow_entry4 way0;
	struct flow_way4 ways[FLOW_WAYS - 1];
};

/* Value of map `flows_v6`: 1,024 bytes, a way in two cache lines. */
struct flow_bucket6 {
	struct bpf_spin_lock lock;
	__u16 guests;
	__u16 layout;
	struct flow_entry6 way0;
	__u64 reserved;
	struct flow_way6 ways[FLOW_WAYS - 1];
};

/* Map `flow_shares`: array of one. How many entries each endpoint has, counted under the entries' locks. */
struct flow_share {
	__u32 young; /* half-open and one-way */
	__u32 established;
};

struct flow_shares {
	struct flow_share owners[FLOW_OWNERS];
};
