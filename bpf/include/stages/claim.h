/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Out of a tunnel: which node sent the packet, whom it speaks for and whether it may, and whom the packet is for. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../config/cluster.h"
#include "../maps/endpoints.h"
#include "../maps/nodes.h"
#include "../maps/peers.h"
#include "../maps/run.h"
#include "../parse/ipv4.h"
#include "../parse/packet.h"
#include "../types/counter.h"
#include "../types/reason.h"
#include "arrival.h"
#include "outcome.h"

/* What the outer headers said; the device that took them off keeps it beside the packet. */
static __noinline bool read_tunnel_key6(struct __sk_buff *skb, struct bpf_tunnel_key *key, union address *sender)
{
	if (bpf_skb_get_tunnel_key(skb, key, sizeof(*key), BPF_F_TUNINFO_IPV6) != 0)
		return false;
	__builtin_memcpy(sender, key->remote_ipv6, sizeof(*sender));
	return true;
}

static __always_inline bool read_tunnel_key(struct __sk_buff *skb, struct bpf_tunnel_key *key, union address *sender)
{
	if (bpf_skb_get_tunnel_key(skb, key, sizeof(*key), 0) != 0)
		return read_tunnel_key6(skb, key, sender);
	address_from_ipv4(sender, bpf_htonl(key->remote_ipv4));
	return true;
}

/* Finds the node that sent the packet (its zone, design D1), and the identity that it claims for it. */
static __always_inline int open_tunnel(struct __sk_buff *skb, struct run *run)
{
	struct bpf_tunnel_key *key = &run->arrived_by;
	struct packet *packet = &run->packet;
	union address sender;
	__u32 identity;

	if (!read_tunnel_key(skb, key, &sender))
		return REASON_INVALID_VNI;
	packet->zone = zone_of_node_address(&sender);
	identity = key->tunnel_id & ((1 << IDENTITY_BITS) - 1);
	if (!packet->zone || key->tunnel_id >> IDENTITY_BITS != cluster_id)
		return REASON_INVALID_VNI;
	if (identity != IDENTITY_REMOTE_NODE && identity < IDENTITY_CLUSTER_FIRST)
		return REASON_INVALID_VNI;
	packet->source_identity = identity;
	return CARRY_ON;
}

/* A node speaks for its pods and for itself, each from their own addresses. What is remembered of the answer has to be sampled before (design D2). */
static __noinline int check_claim(const struct packet *packet)
{
	const struct peer *node;

	if (packet->source_identity != IDENTITY_REMOTE_NODE)
		return zone_of_pod_range(&packet->source) == packet->zone ? CARRY_ON : REASON_INVALID_VNI;
	node = peer_of_address(packet->family, &packet->source);
	return node && node->identity == IDENTITY_REMOTE_NODE && ZONE_NODE + node->node == packet->zone ? CARRY_ON : REASON_INVALID_VNI;
}

/* Whom of this node it is for. Nothing goes on from here to a third node or out of the cluster. CARRY_ON: a pod, in `slot`. */
static __noinline int admit(struct packet *packet)
{
	const struct peer *peer = peer_of_address(packet->family, &packet->destination);
	const struct endpoint *self;
	int claim;

	if (!peer)
		return REASON_UNKNOWN_TARGET;
	if (peer->identity == IDENTITY_HOST) {
		claim = check_claim(packet);
		return claim == CARRY_ON ? FORWARD_TO_HOST : claim;
	}
	self = endpoint_of_slot(peer->slot);
	if (!self || !peer->slot || check_destination(packet, self, packet->family) != CARRY_ON)
		return REASON_UNKNOWN_TARGET;
	packet->slot = peer->slot;
	return check_ready(self);
}
