/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Puts what the slow path decided into the flow table, and reports the entries that had to go for it. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../flow/flow.h"
#include "../maps/allowances.h"
#include "../maps/counters.h"
#include "../maps/denials.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/reason.h"
#include "balance.h"
#include "farewell.h"
#include "keys.h"
#include "outcome.h"

enum {
	PORTS_TRIED = 4, /* for a client whose own is taken */
	OTHER_PORTS = 32768, /* from here on */
};

static __always_inline __u32 service_ports(const struct service_flow *service)
{
	return service->client_port | (__u32)service->frontend_port << 16;
}

/* The original direction's key of a flow whose packets are rewritten: as the client sends them. */
static __always_inline void service4_of(const struct run *run, __u16 zone, struct flow_key4 *key)
{
	const struct packet *packet = &run->packet;
	__u64 client = packet->reply ? packet->destination.ipv4 : packet->source.ipv4;
	__u64 addresses = client | (__u64)run->service.frontend.ipv4 << 32;

	flow_key4_set(key, &addresses, service_ports(&run->service), zone, packet->protocol);
}

static __always_inline void service6_of(const struct run *run, __u16 zone, struct flow_key6 *key)
{
	const struct packet *packet = &run->packet;
	union address addresses[] = { packet->reply ? packet->destination : packet->source, run->service.frontend };

	flow_key6_set(key, addresses, service_ports(&run->service), zone, packet->protocol);
}

/* What `run->decision` says of the flow that the packet belongs to. `opened_in`: zone in which packets of the original direction come in. */
static __always_inline int store4(struct run *run, __u16 opened_in)
{
	const struct packet *packet = &run->packet;
	int stored;

	if (packet->is_translated)
		service4_of(run, opened_in, &run->key.ipv4);
	else
		original4_of(packet, opened_in, &run->key.ipv4);
	stored = run->decision.reason ? flow_deny4(&run->key.ipv4, &run->decision, &run->ends4) : flow_open4(&run->key.ipv4, &run->decision, &run->ends4);
	report_ended4(&run->ends4.original);
	report_ended4(&run->ends4.reply);
	return stored;
}

static __always_inline int store6(struct run *run, __u16 opened_in)
{
	const struct packet *packet = &run->packet;
	int stored;

	if (packet->is_translated)
		service6_of(run, opened_in, &run->key.ipv6);
	else
		original6_of(packet, opened_in, &run->key.ipv6);
	stored = run->decision.reason ? flow_deny6(&run->key.ipv6, &run->decision, &run->ends6) : flow_open6(&run->key.ipv6, &run->decision, &run->ends6);
	report_ended6(&run->ends6.original);
	report_ended6(&run->ends6.reply);
	return stored;
}

__noinline int store(struct run *run, __u32 opened_in)
{
	if (!run)
		return FLOW_REFUSED;
	return run->packet.family == 4 ? store4(run, opened_in) : store6(run, opened_in);
}

/* A client's flows to a service and to its backend, by one port, would have the same replies: the later one has another port on the way. False: it can't. */
static __always_inline bool take_other_port(struct run *run)
{
	struct packet *packet = &run->packet;

	if (packet->side != DIRECTION_EGRESS || packet->reply || (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP))
		return false;
	if (!packet->is_translated) {
		run->service = (struct service_flow){
			.frontend = packet->destination,
			.backend = packet->destination,
			.frontend_port = packet->destination_port,
			.backend_port = packet->destination_port,
			.client_port = packet->source_port,
		};
		packet->is_translated = 1;
	}
	run->service.seen_port = bpf_htons(OTHER_PORTS + bpf_get_prandom_u32() % OTHER_PORTS);
	return true;
}

/* An allowed flow: both directions, or the packet doesn't pass. */
static __always_inline int store_allowed(const struct __sk_buff *skb, struct run *run, __u16 opened_in)
{
	int stored = FLOW_REFUSED;

	run->decision.reason = REASON_NONE;
	count(COUNTER_FLOW_INSERT, skb->len);
	for (int i = 0; i < PORTS_TRIED; i++) {
		if (run->packet.is_translated)
			fill_rewrites(run);
		stored = store(run, opened_in);
		if (stored != FLOW_COLLIDED || !take_other_port(run))
			break;
	}
	return stored == FLOW_STORED ? CARRY_ON : REASON_CONNTRACK_INSERT;
}

/* A negative entry says whom a flow to a service would have gone to, but not by which port, where that is another than the client's: such flows are asked about each time. */
static __always_inline bool has_room_for_denial(const struct run *run)
{
	return !run->packet.is_translated || run->service.seen_port == run->service.client_port;
}

/*
 * A denied one. A flow that has an entry is cut off at once, and so is one whose reply is denied; any other is remembered when it comes again, so that its third packet needs no decision.
 * Nothing is lost where there is no room. Up to the pod's allowance, each has its own record; beyond it, it is told with others.
 */
static __always_inline void store_denied(struct run *run, __u16 opened_in, enum drop_reason reason)
{
	struct packet *packet = &run->packet;

	packet->has_own_record = use_allowance(packet->slot, packet->side);
	if (packet->entry == ENTRY_NONE && !packet->reply && !denied_before(hash_of_flow(packet, &run->key)))
		return;
	if (packet->is_translated)
		fill_rewrites(run);
	run->decision.reason = reason;
	run->decision.flags = packet->at == DIRECTION_INGRESS ? FLOW_AT_INGRESS : 0;
	if (store(run, opened_in) != FLOW_STORED)
		packet->has_own_record = 0;
}
