/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Drops that no flow entry counts: what was dropped before there was a flow, where there is no room for one, or where a pod has had more denied flows in a tick than are told one by one. Written by the
 * programs only.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include "event.h"

enum {
	REPEATS_WAYS = 4,
	REPEATS_SETS = 2048, /* a power of two */
	REPEATS_LANES = 16, /* a power of two */
	REPEATS_ALLOWANCE = 256, /* denied flows of one pod and direction that have a record of their own in a tick: a hundred pods' fill the ring buffer */
};

/* Drops that are told together: of one pod, in one direction, for one reason; as far as lanes go, of one flow. All zero: nobody's (reason 0). */
struct repeats_key {
	__u16 slot; /* of the pod at whose interface they came */
	__u8 direction; /* enum direction: at which end they were decided */
	__u8 reason; /* enum drop_reason */
	__u32 lane; /* by addresses, protocol and destination port; a pod that makes them up can't have more records a tick than there are lanes */
};

/* Map `repeats`: array of REPEATS_SETS × REPEATS_WAYS, the ways of a set side by side. Two cache lines. */
struct repeats {
	struct bpf_spin_lock lock;
	__u32 tick; /* of the last record, or of the first drop that has none: flow_now() */
	struct repeats_key key;
	struct event first; /* like all that were counted since the last record; how many, and their bytes, in `packets` and `bytes` */
};
