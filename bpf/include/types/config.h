/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Run-time state of the node that is not a table of its own. */
#pragma once

#include <linux/types.h>

/* Map `node_state`: array of one. */
struct node_state {
	__u32 clock; /* newest epoch in use anywhere; how it and the epochs are written: bpf/include/flow/README.md, "What writers must do" */
	__u32 prefix_epoch; /* raised after every change of the prefix tables */
};

/* Map `peer_epochs`: array of PEER_EPOCHS __u32, by hash of the address: raised after every change of an address that isn't a local endpoint. */
enum {
	PEER_EPOCHS = 4096,
};

/* Map `applied_identities`: array of APPLIED_WORDS __u64: bit n of word i: identity 64 i + n is enforced on this node (design D5). Covers 0 … 65535. */
enum {
	APPLIED_WORDS = 1024,
};
