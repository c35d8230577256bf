/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Between nodes: a VXLAN header's network identifier is cluster id << 16 | identity of the sender. Numbers that mean something on one node only never travel; what a node's own stack sends has
 * IDENTITY_REMOTE_NODE (its routes into the tunnel say so, the programs don't see it).
 */
#pragma once

#include <linux/types.h>

enum {
	IDENTITY_BITS = 16,
};

/* Which cluster this is, among those whose nodes reach each other: 0 … 255. Set before loading. */
const volatile __u32 cluster_id = 0;
