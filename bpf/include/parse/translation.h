/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Flows whose packets are rewritten: to a service, or with another source port than the client's. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

#include "packet.h"

/* Both ends as either knows the other. Without a service, frontend and backend are the same. */
struct service_flow {
	union address frontend; /* whom the client talks to */
	union address backend; /* who answers */
	__be16 frontend_port;
	__be16 backend_port;
	__be16 client_port; /* the client's own */
	__be16 seen_port; /* what the backend takes for it */
};

/* What becomes of one packet: of the original direction the destination is replaced, of a reply the source; and the other end's port. */
struct translation {
	union address address;
	__be16 port;
	__be16 other_port;
	__u8 is_reply;
	__u8 pad[3];
};

/* Both ends of a packet as it goes on. */
struct renamed {
	union address source;
	union address destination;
	__u32 ports; /* as they lie in memory */
	__u32 pad;
};

static __always_inline bool is_same_address(const union address *a, const union address *b)
{
	return ((a->halves[0] ^ b->halves[0]) | (a->halves[1] ^ b->halves[1])) == 0;
}
