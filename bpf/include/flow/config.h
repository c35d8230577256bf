/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the loader sets before loading. The same in every object that shares a table. */
#pragma once

#include <linux/types.h>

#include "../types/flow.h"

/* Buckets less one; at least 1. As `max_entries` of flows_v4, flows_v6. */
const volatile __u32 flow_mask4 = FLOW_BUCKETS_V4 - 1;
const volatile __u32 flow_mask6 = FLOW_BUCKETS_V6 - 1;

/* Of the node, random, kept as long as the table: who can guess buckets can fill them. */
const volatile __u64 flow_seed[FLOW_SEEDS] = {
	0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db,
};

/* A tick is 2^shift jiffies: a quarter of a second or so (HZ 100: 5, 250 and 300: 6, 1000: 8). */
const volatile __u32 flow_tick_shift = 6;

/* Ticks without a packet after which an entry is dead, by enum flow_class. These for HZ 250: 60 s; closing 10 s; TCP established 8000 s. */
const volatile __u32 flow_lifetimes[FLOW_CLASSES] = { 0, 235, 40, 235, 235, 235, 31250, 0 };

/* Entries (two a flow) that one endpoint may have: young (half-open and one-way), and established. 0: a sixteenth, a quarter of both tables' ways. */
const volatile __u32 flow_young_share = 0;
const volatile __u32 flow_established_share = 0;

/* 1 where the processor reorders loads with loads and stores with stores (arm64). */
const volatile __u8 flow_weakly_ordered = 0;
