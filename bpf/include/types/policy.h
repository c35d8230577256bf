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
	POLICY_INGRESS_CLASSES = 4, /* ingress has entries in class space: look the class up */
	POLICY_EGRESS_CLASSES = 8,
	POLICY_AUDIT = 16,
};

/* Map `policies`: array by policy id (1 … POLICIES - 1). */
struct policy {
	__u32 flags; /* enum policy_flags */
	__u32 ingress_default_origin; /* the policies whose default deny isolates; 0: not isolated */
	__u32 egress_default_origin;
	__u32 identity; /* the subject: for receipts */
	__u64 digest; /* first 8 bytes of the compiled policy's digest, big-endian read as a number */
};

enum policy_space {
	SPACE_ANY = 0, /* every peer; peer = 0 */
	SPACE_IDENTITY = 1,
	SPACE_CLASS = 2,
};

/*
 * Map `policy_entries`: longest prefix match. Policy, direction, space and peer are always whole (POLICY_KEY_EXACT bits); protocol and port are a prefix: none, protocol, or protocol and the
 * first bits of the port. The longest match of one (policy, direction, space, peer) is the whole truth of it (libs/policy-localize folds wider entries into narrower ones). Three
 * look-ups (identity, class, any): any deny denies, else any allow allows, else the default.
 */
struct policy_key {
	__u32 prefix_length;
	__u32 policy;
	__u8 direction; /* enum direction */
	__u8 space; /* enum policy_space */
	__u8 pad[2];
	__u32 peer;
	__u8 protocol; /* IPPROTO_* */
	__u8 port[2]; /* big-endian; unaligned on purpose: bits follow the protocol's. ICMP, ICMPv6: type, code */
	__u8 pad_end;
};

enum {
	POLICY_KEY_EXACT = 96, /* bits of policy, direction, space, padding, peer */
	POLICY_KEY_PROTOCOL = 104,
	POLICY_KEY_PORT = 120,
};

struct policy_entry {
	__u32 origin; /* agent-local number of the set of rules that decided */
	__u16 rule_set; /* L7 rule set; 0: none */
	__u8 deny;
	__u8 pad;
};
