/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a packet to keys of the flow table. The only place, with those that store flows, where families differ. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include "../flow/flow.h"
#include "../parse/packet.h"

union flow_key {
	struct flow_key4 ipv4;
	struct flow_key6 ipv6;
};

static __always_inline void key4_of(const struct packet *packet, __u16 zone, struct flow_key4 *key)
{
	__u64 addresses = packet->source.ipv4 | (__u64)packet->destination.ipv4 << 32;

	flow_key4_set(key, &addresses, packet->ports, zone, packet->protocol);
}

static __always_inline void key6_of(const struct packet *packet, __u16 zone, struct flow_key6 *key)
{
	flow_key6_set(key, &packet->source, packet->ports, zone, packet->protocol);
}

/* The packet's entry. */
static __always_inline bool find_flow(const struct packet *packet, struct flow_found *found)
{
	union flow_key key;

	if (packet->family == 4) {
		key4_of(packet, packet->zone, &key.ipv4);
		return flow_find4(&key.ipv4, found);
	}
	key6_of(packet, packet->zone, &key.ipv6);
	return flow_find6(&key.ipv6, found);
}

/* The entry of packets that go the other way, and come in at `zone`. */
static __noinline bool find_opposite(const struct packet *packet, __u16 zone, struct flow_found *found)
{
	union flow_key key, reverse;

	if (packet->family == 4) {
		key4_of(packet, packet->zone, &key.ipv4);
		flow_reverse4(&key.ipv4, zone, &reverse.ipv4);
		return flow_find4(&reverse.ipv4, found);
	}
	key6_of(packet, packet->zone, &key.ipv6);
	flow_reverse6(&key.ipv6, zone, &reverse.ipv6);
	return flow_find6(&reverse.ipv6, found);
}

/* Tells the connection of an answer, an acknowledgement, a FIN or RST. */
__noinline int follow_connection(struct packet *packet)
{
	union flow_key key;

	if (!packet)
		return 0;
	if (packet->family == 4) {
		key4_of(packet, packet->zone, &key.ipv4);
		return flow_follow4(&key.ipv4, packet->tcp_flags);
	}
	key6_of(packet, packet->zone, &key.ipv6);
	return flow_follow6(&key.ipv6, packet->tcp_flags);
}
