/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The two ends of a packet: the pod at the interface (own) and whoever has the other address (far). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/applied.h"
#include "../maps/endpoints.h"
#include "../maps/holders.h"
#include "../maps/peers.h"
#include "../maps/services.h"
#include "../parse/end.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "arrival.h"
#include "outcome.h"

static __always_inline bool is_local_pod(const struct end *end)
{
	return end->zone < ZONE_NODE;
}

/* Identity and subject change together, in one store (types/endpoint.h). */
static __always_inline void take_endpoint(struct end *end, const struct endpoint *endpoint, __u16 slot)
{
	union {
		__u64 word;
		struct {
			__u32 identity;
			__u32 subject;
		};
	} sample = { .word = *(const volatile __u64 *)&endpoint->identity };

	end->identity = sample.identity;
	end->subject = sample.subject;
	end->flags = endpoint->flags;
	end->zone = slot;
}

/*
 * Asks the tables who has `holder->address`: a pod of this node, this node, another node or its pods; else somebody outside the cluster, or nobody (an address inside its ranges: identity 0,
 * design D4). The class is that of the longest prefix in any case.
 */
__noinline int look_up_holder(struct holder *holder)
{
	const struct prefix *prefix;
	const struct peer *peer;

	if (!holder)
		return 0;
	prefix = prefix_of_address(holder->family, &holder->address);
	peer = peer_of_address(holder->family, &holder->address);
	holder->peer_class = prefix ? prefix->peer_class : 0;
	holder->identity = peer ? peer->identity : prefix ? prefix->identity : IDENTITY_UNKNOWN;
	holder->is_frontend = frontend_of(holder->family, &holder->address, 0, 0) != NULL;
	holder->zone = !peer ? ZONE_NATIVE : peer->slot ? peer->slot : zone_of_peer(peer);
	return 0;
}

/* Who has the address, remembered or looked up. `decided`: the clock as the decision sampled it. */
static __always_inline const struct holder *holder_of(__u8 family, const union address *address, __u32 decided)
{
	struct holder *holder = holder_place(address);

	if (!holder || holder_is_current(holder, family, address))
		return holder;
	holder->address.halves[0] = address->halves[0];
	holder->address.halves[1] = address->halves[1];
	holder->decided = decided;
	holder->family = family;
	look_up_holder(holder);
	return holder;
}

/* Fills the end that has `address`. */
static __always_inline int resolve(struct end *end, __u8 family, const union address *address, __u32 decided)
{
	const struct holder *holder = holder_of(family, address, decided);
	const struct endpoint *endpoint;

	if (!holder)
		return REASON_UNKNOWN_TARGET;
	end->peer_class = holder->peer_class;
	end->zone = holder->zone;
	end->identity = holder->identity;
	if (!is_local_pod(end))
		return CARRY_ON;
	endpoint = endpoint_of_slot(end->zone);
	if (!endpoint || !is_address_of(endpoint, family, address))
		return REASON_UNKNOWN_TARGET;
	take_endpoint(end, endpoint, end->zone);
	return end->flags & ENDPOINT_READY ? CARRY_ON : REASON_ENDPOINT_NOT_READY;
}

/* Design D4 and D5: an end that nobody has, or whose identity not every policy of this node knows yet, is no peer, whatever the policy would say. */
static __always_inline int check_peer(const struct end *peer)
{
	if (peer->identity == IDENTITY_UNKNOWN)
		return REASON_UNKNOWN_SENDER;
	return identity_is_applied(peer->identity) ? CARRY_ON : REASON_INVALID_IDENTITY;
}
