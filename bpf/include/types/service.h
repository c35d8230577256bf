/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Services: where clients turn to, and who answers (libs/loadbalancing says what the rows mean). Written by the agent only, but for the last map. */
#pragma once

#include <linux/types.h>

enum {
	SERVICE_FRONTENDS = 131072, /* of each family */
	SERVICE_POOLS = 65536,
	SERVICE_BACKENDS = 262144,
	SERVICE_AFFINITIES = 65536,
	TABLE_BLOCK = 32, /* positions */
};

/* Maps `frontends_v4`, `frontends_v6` (hash). Port 0 and protocol 0: the address itself, which is told from others by that entry. Every change raises the address' place in `peer_epochs`. */
struct frontend4_key {
	__be32 address;
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 pad;
};

struct frontend6_key {
	__u8 address[16];
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct frontend {
	__u32 pool; /* 0: an address */
};

/* Map `service_pools`: array by pool number (1 … SERVICE_POOLS - 1). `first` and `room` are read as one word. */
struct service_pool {
	__u32 first; /* row of its slot 0 in `service_backends` */
	__u32 room; /* its rows; every slot is less */
	__u32 usable; /* backends that take new flows. 0: refused (158); 1: slot `only`; more: the table says */
	__u32 positions; /* of its table */
	__u32 affinity_seconds; /* 0: none */
	__u16 only;
	__u16 pad;
};

/* Map `service_tables`: array of maps by pool number, each an array of blocks: the slot at each position (Maglev). */
struct table_block {
	__u16 slots[32]; /* TABLE_BLOCK */
};

enum backend_state {
	BACKEND_NONE = 0,
	BACKEND_READY = 1,
	BACKEND_TERMINATING = 2, /* takes new flows where none is ready */
	BACKEND_UNREADY = 3, /* keeps those it has */
};

/* Map `service_backends`: array by row. IPv4 behind ::ffff:. */
struct service_backend {
	__u8 address[16];
	__be16 port;
	__u8 state; /* enum backend_state */
	__u8 pad;
	__u32 pool; /* whose row it is: a look-up that was half done when the row changed hands notices */
};

/* Map `pool_members` (hash): the same backends by what flows know of theirs. There: flows that have it keep it. */
struct pool_member_key {
	__u32 pool;
	__be16 port;
	__u16 pad;
	__u8 address[16];
};

struct pool_member {
	__u32 row; /* in `service_backends` */
};

/* Map `service_state`: array of one. */
struct service_state {
	__u64 seed; /* of the hash that chooses positions; the cluster's: all nodes choose alike */
	__u64 seed_too;
	__u32 is_writing; /* not 0 after a start: the last writer was interrupted, and tables may be half done */
	__u32 pad;
};

/* Map `affinities` (least recently used): where a client's last new flow to a pool with affinity went. Written by the programs only. */
struct affinity_key {
	__u32 pool;
	__u8 client[16];
};

struct affinity {
	__u64 last_ns; /* CLOCK_BOOTTIME */
	__u8 address[16];
	__be16 port;
	__u16 pad[3];
};
