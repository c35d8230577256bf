/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP errors. One belongs to a flow if an answer to the packet that it quotes would be let through. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/peers.h"
#include "../parse/icmp.h"
#include "../parse/ipv4.h"
#include "../parse/packet.h"
#include "../parse/translation.h"
#include "../parse/transport.h"
#include "keys.h"
#include "outcome.h"
#include "recall.h"
#include "translate-error.h"

/* The first eight bytes of a quoted transport header. */
union quoted_transport {
	struct {
		__be16 source;
		__be16 destination;
	} ports;
	struct icmp_header icmp;
};

/* The network header of the quoted packet, turned round; returns where its transport header lies. 0: it can't be read, or has no ports. */
static __always_inline __u32 turn_quoted_ipv4(const struct __sk_buff *skb, struct packet *answer, __u32 offset)
{
	struct iphdr quoted;

	if (bpf_skb_load_bytes(skb, offset, &quoted, sizeof(quoted)) != 0)
		return 0;
	if (quoted.version != 4 || quoted.ihl < 5 || (quoted.frag_off & bpf_htons(IPV4_FRAGMENT)))
		return 0;
	address_from_ipv4(&answer->source, quoted.daddr);
	address_from_ipv4(&answer->destination, quoted.saddr);
	answer->protocol = quoted.protocol;
	return offset + quoted.ihl * 4;
}

static __always_inline __u32 turn_quoted_ipv6(const struct __sk_buff *skb, struct packet *answer, __u32 offset)
{
	struct ipv6hdr quoted;

	if (bpf_skb_load_bytes(skb, offset, &quoted, sizeof(quoted)) != 0 || quoted.version != 6)
		return 0;
	__builtin_memcpy(&answer->source, &quoted.daddr, sizeof(answer->source));
	__builtin_memcpy(&answer->destination, &quoted.saddr, sizeof(answer->destination));
	answer->protocol = quoted.nexthdr;
	return offset + sizeof(quoted);
}

static __always_inline bool turn_quoted_ports(const struct __sk_buff *skb, struct packet *answer, __u32 offset)
{
	__u8 request = echo_request(answer->family), reply = echo_reply(answer->family);
	union quoted_transport quoted;

	if (bpf_skb_load_bytes(skb, offset, &quoted, sizeof(quoted)) != 0)
		return false;
	switch (answer->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		answer->source_port = quoted.ports.destination;
		answer->destination_port = quoted.ports.source;
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		answer->icmp_type = quoted.icmp.type == request ? reply : request;
		icmp_ports(answer, quoted.icmp.id);
		return quoted.icmp.type == request || quoted.icmp.type == reply;
	}
	return false;
}

static __always_inline int look_for_entry(struct run *run, struct packet *answer, const struct endpoint *self, const __u8 family)
{
	const struct endpoint *receiver;
	union flow_key key;
	struct flow_found found;

	if (!find_flow(answer, family, &key, &found) || found.action.class == FLOW_NEGATIVE)
		return UNDECIDED;
	answer->target = found.action.target;
	receiver = receiver_of(answer);
	if (!is_current(answer, self, receiver, &found.action))
		return UNDECIDED;
	answer->is_translated = flow_is_rewritten(&found.action);
	if (!answer->is_translated)
		return CARRY_ON;
	if (!take_translation_of(run, &key, family, &found) || !is_translation_current(answer, &run->translation, &found.action))
		return REASON_STALE;
	return CARRY_ON;
}

/*
 * CARRY_ON: `answer`, coming in at `answer->zone`, would hit a current entry and go to `answer->target`, by way of `run->translation` if it is translated. UNDECIDED: there is no such entry. REASON_STALE:
 * there is, but not for the backend that it says. A global function: the verifier walks it once, and not for every way that an error can have come here.
 */
__noinline int would_pass(struct run *run, struct packet *answer)
{
	const struct endpoint *self = run ? endpoint_of_slot(run->packet.slot) : NULL;

	if (!run || !answer || !self)
		return UNDECIDED;
	return answer->family == 4 ? look_for_entry(run, answer, self, 4) : look_for_entry(run, answer, self, 6);
}

/* Where answers from beyond the node come in. */
static __always_inline __u16 zone_beyond(const struct packet *answer)
{
	const struct peer *peer = peer_of_address(answer->family, &answer->source);

	return peer ? zone_of_peer(peer) : ZONE_NATIVE;
}

/* CARRY_ON: the error goes where an answer would. UNDECIDED: it has to be decided as a flow of its own. */
__noinline int relate(struct __sk_buff *skb, struct run *run)
{
	struct packet *packet = run ? &run->packet : NULL;
	const struct endpoint *self = packet ? endpoint_of_slot(packet->slot) : NULL;
	struct packet answer = { 0 };
	__u32 offset;
	int outcome;

	if (!run || !packet || !self)
		return REASON_ENDPOINT_NOT_READY;
	answer.family = packet->family;
	answer.side = packet->side;
	offset = packet->transport_offset + ICMP_ERROR_HEADER;
	offset = packet->family == 4 ? turn_quoted_ipv4(skb, &answer, offset) : turn_quoted_ipv6(skb, &answer, offset);
	if (!offset || !turn_quoted_ports(skb, &answer, offset))
		return UNDECIDED;
	if (packet->side == DIRECTION_EGRESS && check_source(packet, self) != CARRY_ON)
		return REASON_SOURCE_IP;
	if (!is_same_address(&answer.destination, &packet->destination))
		return UNDECIDED;
	answer.zone = packet->zone;
	outcome = would_pass(run, &answer);
	/* Errors of the node's own stack about what it forwards. */
	if (outcome == UNDECIDED && packet->zone == ZONE_HOST) {
		answer.zone = zone_beyond(&answer);
		outcome = would_pass(run, &answer);
	}
	if (outcome != CARRY_ON)
		return UNDECIDED;
	packet->target = answer.target;
	return answer.is_translated ? translate_error(skb, run, &answer) : CARRY_ON;
}
