/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a stage says about the packet: go on with the next one, an enum forward_class, or an enum drop_reason. The last two end the run, and are its index into `counters` (design D7).
 */
#pragma once

#include <stdbool.h>

enum outcome {
	CARRY_ON = 0,
	UNDECIDED = 127, /* the flow table doesn't know: the slow path decides */
	FIRST_REASON = 128,
};

static __always_inline bool is_drop(int outcome)
{
	return outcome >= FIRST_REASON;
}
