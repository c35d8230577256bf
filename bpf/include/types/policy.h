/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Compiled policy as the kernel sees it. Written by the agent only. An edit fills a new policy id and flips `subjects` to it (design D2). */
#pragma once

#include <linux/types.h>

enum {
	SUBJECTS = 4096,
	POLICIES = 8192,
};

/*
 * Map `subjects`: array by subject index (1 … SUBJECTS - 1): the policy in force for one identity on this node, and its epoch. Read and written as one 64-bit word. Neither index nor
 * epoch is ever given again with a lower epoch.
 */
struct subject {
	__u32 policy; /* index into `policies`; 0: none yet (drop 203) */
	__u32 epoch;
};

enum policy_flags {
	POLICY_INGRESS_ISOLATED = 1,
	POLICY_EGRESS_ISOLATED = 2,
	POLICY_AUDIT = 4,
};

enum policy_space {
	SPACE_ANY = 0, /* every peer; peer = 0 */
	SPACE_IDENTITY = 1,
	SPACE_CLASS = 2,
	POLICY_SPACES = 3,
};

/* Map `policies`: array by policy id (1 … POLICIES - 1). A cache line. */
struct policy {
	__u32 flags; /* enum policy_flags */
	__u32 ingress_default_origin; /* the policies whose default deny isolates; 0: not isolated */
	__u32 egress_default_origin;
	__u32 identity; /* the subject: for receipts */
	__u64 digest; /* first 8 bytes of the compiled policy's digest, big-endian read as a number */
	__u32 first; /* of its buckets in `policy_entries` */
	__u32 buckets;
	__u32 sizes[6]; /* by (direction - 1) × POLICY_SPACES + space: sum of the port blocks' sizes that occur there; 0: nothing to look up */
	__u64 reserved;
};

/*
 * What an entry is about: peer | block << 32 | protocol << 50 | space << 58 | direction << 60; never 0. Block: a size (1 … 32768 ports, a power of two; POLICY_EVERY_PORT;
 * POLICY_EVERY_PROTOCOL, protocol 0) plus twice the block's first port, which is a multiple of it. Of ICMP: type × 256 + code.
 */
enum policy_key {
	POLICY_KEY_BLOCK = 32,
	POLICY_KEY_PROTOCOL = 50,
	POLICY_KEY_SPACE = 58,
	POLICY_KEY_DIRECTION = 60,
	POLICY_EVERY_PORT = 1 << 16,
	POLICY_EVERY_PROTOCOL = 1 << 17,
};

/* The last four fields are read as one word. */
struct policy_entry {
	__u64 key; /* 0: no entry */
	__u32 origin; /* agent-local number of the set of rules that decided */
	__u16 rule_set; /* L7 rule set; 0: none */
	__u8 deny;
	__u8 used; /* 1 */
};

enum {
	POLICY_BUCKETS = 262144,
	POLICY_WAYS = 4,
	POLICY_PROBES = 8,
};

/*
 * Map `policy_entries`: array of buckets. Each policy has some in a row, filled before a subject is pointed to it and never changed afterwards. An entry lies in the first bucket that had room,
 * from the one that its key's hash names (h = high half of key × 0x9e3779b97f4a7c15, h × buckets >> 32), round the policy's buckets, at most POLICY_PROBES of them; ways are filled in order.
 * The smallest block that holds the packet's port has the whole truth of one (direction, space, peer) (libs/policy-localize folds wider entries into narrower ones). Three look-ups (identity,
 * class, any): any deny denies, else any allow allows, else the default.
 */
struct policy_bucket {
	struct policy_entry ways[4];
};
