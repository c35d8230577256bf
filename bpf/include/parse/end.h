/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One end of a packet, as the tables have it (stages/ends.h looks it up). */
#pragma once

#include "packet.h"

struct end {
	union address address;
	__u32 identity;
	__u32 subject; /* of a pod of this node */
	__u32 flags; /* likewise: enum endpoint_flags */
	__u32 peer_class;
	__u16 zone; /* where its packets come in */
	__u8 family;
	__u8 is_classed; /* `peer_class` has been looked up */
	__u32 pad;
};
