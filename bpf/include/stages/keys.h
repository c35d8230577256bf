/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a packet to keys of the flow table. The only place, with those that store flows, where families differ. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include "../flow/flow.h"
#include "../maps/run.h"
#include "../parse/packet.h"

static __always_inline void key4_of(const struct packet *packet, __u16 zone, struct flow_key4 *key)
{
	__u64 addresses = packet->source.ipv4 | (__u64)packet->destination.ipv4 << 32;

	flow_key4_set(key, &addresses, packet->ports, zone, packet->protocol);
}

static __always_inline void key6_of(const struct packet *packet, __u16 zone, struct flow_key6 *key)
{
	flow_key6_set(key, &packet->source, packet->ports, zone, packet->protocol);
}

/* The key of the flow's original direction, whose packets come in at `zone`. */
static __always_inline void original4_of(const struct packet *packet, __u16 zone, struct flow_key4 *key)
{
	__u64 addresses = packet->destination.ipv4 | (__u64)packet->source.ipv4 << 32;

	if (packet->reply)
		flow_key4_set(key, &addresses, packet->ports >> 16 | packet->ports << 16, zone, packet->protocol);
	else
		key4_of(packet, zone, key);
}

static __always_inline void original6_of(const struct packet *packet, __u16 zone, struct flow_key6 *key)
{
	union address addresses[] = { packet->destination, packet->source };

	if (packet->reply)
		flow_key6_set(key, addresses, packet->ports >> 16 | packet->ports << 16, zone, packet->protocol);
	else
		key6_of(packet, zone, key);
}

/* The packet's entry. `key` is filled in any case. */
static __always_inline bool find_flow(const struct packet *packet, __u8 family, union flow_key *key, struct flow_found *found)
{
	if (family == 4) {
		key4_of(packet, packet->zone, &key->ipv4);
		return flow_find4(&key->ipv4, found);
	}
	key6_of(packet, packet->zone, &key->ipv6);
	return flow_find6(&key->ipv6, found);
}

/* `key`: as find_flow filled it for this packet. */
static __always_inline __u64 hash_of_flow(const struct packet *packet, const union flow_key *key)
{
	if (packet->family == 4)
		return flow_hash((const flow_word *)&key->ipv4, FLOW_WORDS4);
	return flow_hash((const flow_word *)&key->ipv6, FLOW_WORDS6);
}

/* Whether an open flow has an entry for packets of the other direction, which come in at `zone`, as its original one. */
static __noinline bool answers_open_flow(const struct packet *packet, __u16 zone)
{
	union flow_key key, reverse;
	struct flow_found found;

	if (packet->family == 4) {
		key4_of(packet, packet->zone, &key.ipv4);
		flow_reverse4(&key.ipv4, zone, &reverse.ipv4);
		if (!flow_find4(&reverse.ipv4, &found))
			return false;
	} else {
		key6_of(packet, packet->zone, &key.ipv6);
		flow_reverse6(&key.ipv6, zone, &reverse.ipv6);
		if (!flow_find6(&reverse.ipv6, &found))
			return false;
	}
	return !(found.action.flags & FLOW_REPLY) && found.action.class != FLOW_NEGATIVE;
}

/* Tells the connection of an answer, an acknowledgement, a FIN or RST. */
static __always_inline void follow_connection(union flow_key *key, const struct packet *packet)
{
	if (packet->family == 4)
		flow_follow4(&key->ipv4, packet->tcp_flags);
	else
		flow_follow6(&key->ipv6, packet->tcp_flags);
}
