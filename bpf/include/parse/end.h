/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One end of a packet, as the tables have it (stages/ends.h looks it up). */
#pragma once

#include <linux/types.h>

struct end {
	__u32 identity;
	__u32 subject; /* of a pod of this node */
	__u32 flags; /* likewise: enum endpoint_flags */
	__u32 peer_class; /* of the far end; the own one's is looked up when a policy asks for it */
	__u16 zone; /* where its packets come in */
	__u8 pad[6];
};
