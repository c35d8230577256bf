/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The two ends of a packet: the pod at the interface (own) and whoever has the other address (far). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/applied.h"
#include "../maps/endpoints.h"
#include "../maps/peers.h"
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

/* Somebody outside the cluster, or an address inside its ranges that nobody has (identity 0, design D4). */
static __always_inline void take_prefix(struct end *end)
{
	const struct prefix *prefix = prefix_of_address(end->family, &end->address);

	end->zone = ZONE_NATIVE;
	end->is_classed = 1;
	if (prefix) {
		end->identity = prefix->identity;
		end->peer_class = prefix->peer_class;
	}
}

/* Looks up who has `end->address`: a pod of this node, this node, another node or its pods, or else a prefix. */
__noinline int resolve(struct end *end)
{
	const struct endpoint *endpoint;
	const struct peer *peer;

	if (!end)
		return REASON_UNKNOWN_TARGET;
	peer = peer_of_address(end->family, &end->address);
	if (!peer) {
		take_prefix(end);
		return CARRY_ON;
	}
	end->identity = peer->identity;
	end->zone = zone_of_peer(peer);
	if (!peer->slot)
		return CARRY_ON;
	endpoint = endpoint_of_slot(peer->slot);
	if (!endpoint || !is_address_of(endpoint, end->family, &end->address))
		return REASON_UNKNOWN_TARGET;
	take_endpoint(end, endpoint, peer->slot);
	return end->flags & ENDPOINT_READY ? CARRY_ON : REASON_ENDPOINT_NOT_READY;
}

/* The class of an end whose own entry says nothing about prefixes. */
static __always_inline __u32 class_of(struct end *end)
{
	const struct prefix *prefix;

	if (!end->is_classed) {
		prefix = prefix_of_address(end->family, &end->address);
		end->peer_class = prefix ? prefix->peer_class : 0;
		end->is_classed = 1;
	}
	return end->peer_class;
}

/* Design D4 and D5: an end that nobody has, or whose identity not every policy of this node knows yet, is no peer, whatever the policy would say. */
static __always_inline int check_peer(const struct end *peer)
{
	if (peer->identity == IDENTITY_UNKNOWN)
		return REASON_UNKNOWN_SENDER;
	return identity_is_applied(peer->identity) ? CARRY_ON : REASON_INVALID_IDENTITY;
}
