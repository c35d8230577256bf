/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What stages/policy.h answers. */
#pragma once

#include <linux/types.h>

struct ruling {
	__u32 origin;
	__u8 reason; /* enum drop_reason; REASON_NONE: allowed */
	__u8 audit; /* the policy only reports */
	__u8 pad[2];
};
