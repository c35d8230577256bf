/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What stages/policy.h is asked, and what it answers. */
#pragma once

#include <linux/types.h>

/* What is asked: may this subject, in this direction, talk to that end about this protocol and port? */
struct inquiry {
	__u32 subject;
	__u8 direction; /* enum direction */
	__u8 protocol;
	__u8 port[2]; /* as in struct policy_key */
};

struct ruling {
	__u32 origin;
	__u8 reason; /* enum drop_reason; REASON_NONE: allowed */
	__u8 audit; /* the policy only reports */
	__u8 pad[2];
};
