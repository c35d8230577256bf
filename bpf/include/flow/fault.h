/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Protections that the stress test takes out one by one, to see that it notices. */
#pragma once

enum flow_fault {
	FLOW_FAULT_NONE = 0,
	FLOW_FAULT_RECHECK = 1, /* readers trust what they copied */
	FLOW_FAULT_LOCK = 2, /* writers don't exclude each other */
	FLOW_FAULT_POST_CHECK = 3, /* writers don't look into the other bucket afterwards */
};

/* Only the stress test's object says otherwise. */
#ifndef FLOW_WITHOUT
#define FLOW_WITHOUT(fault) 0
#endif
