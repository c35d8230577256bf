/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The slow path's first question about what a pod sends: is it for a service, and who answers? (libs/loadbalancing: what the tables mean.) */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../maps/run.h"
#include "../maps/services.h"
#include "../parse/packet.h"
#include "../parse/translation.h"
#include "../types/reason.h"
#include "backend.h"
#include "ends.h"
#include "outcome.h"
#include "recall.h"
#include "translate.h"

/* What the flow's entry says of its backend still holds, whatever its state: ready, terminating, unready. */
static __always_inline bool keeps_backend(const struct run *run, __u32 number)
{
	return member_of(number, &run->service.backend, run->service.backend_port);
}

/* What run->translation has of an entry, as both ends see it. `packet`: as it came. */
static __always_inline void read_service_flow(struct run *run, bool reply)
{
	const struct packet *packet = &run->packet;
	const struct translation *entry = &run->translation;
	struct service_flow *service = &run->service;

	service->frontend = reply ? entry->address : packet->destination;
	service->frontend_port = reply ? entry->port : packet->destination_port;
	service->client_port = reply ? entry->other_port : packet->source_port;
	service->backend = reply ? packet->source : entry->address;
	service->backend_port = reply ? packet->source_port : entry->port;
	service->seen_port = reply ? packet->destination_port : entry->other_port;
}

static __always_inline bool is_service(const struct service_flow *service)
{
	return !is_same_address(&service->frontend, &service->backend) || service->frontend_port != service->backend_port;
}

/* Whether a packet can't begin anything: then a flow without its backend has ended. */
static __always_inline bool is_midstream(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP && !is_bare_syn(packet);
}

/* From here on the packet is one to the backend: policy, identity and events are about that. */
static __always_inline void turn_to_backend(struct run *run)
{
	struct packet *packet = &run->packet;

	packet->destination = run->service.backend;
	packet->destination_port = run->service.backend_port;
	packet->is_translated = 1;
}

/* What a pod sends to somebody, and what the entry of its flow says if there is one. */
__noinline int balance(struct run *run)
{
	const struct frontend *frontend;
	bool had_backend;
	struct packet *packet;
	int outcome;

	if (!run)
		return REASON_STALE;
	packet = &run->packet;
	had_backend = packet->is_translated && packet->entry == ENTRY_ORIGINAL;
	packet->is_translated = 0;
	read_service_flow(run, false);
	/* To somebody who is no service, with another port than the client's. */
	if (had_backend && !is_service(&run->service)) {
		turn_to_backend(run);
		return CARRY_ON;
	}
	frontend = frontend_of(packet->family, &packet->destination, packet->destination_port, packet->protocol);
	if (had_backend && frontend && keeps_backend(run, frontend->pool)) {
		turn_to_backend(run);
		return CARRY_ON;
	}
	if (had_backend && is_midstream(packet))
		return REASON_NO_BACKEND;
	if (!frontend)
		return frontend_of(packet->family, &packet->destination, 0, 0) ? REASON_IS_CLUSTER_IP : CARRY_ON;
	outcome = choose_backend(run, frontend->pool);
	if (outcome == CARRY_ON)
		turn_to_backend(run);
	return outcome;
}

static __always_inline bool needs_balance(struct run *run)
{
	const struct packet *packet = &run->packet;
	const struct holder *holder;

	if (packet->is_translated)
		return packet->entry == ENTRY_ORIGINAL;
	holder = holder_of(packet->family, &packet->destination, run->decision.decided);
	return holder && holder->is_frontend;
}

/* A reply that comes back to where the client's packets went in: to whom it goes, and whether the backend may still answer. */
__noinline int balance_reply(struct run *run)
{
	const struct frontend *frontend;
	struct packet *packet;
	union address loopback;

	if (!run)
		return REASON_STALE;
	packet = &run->packet;
	read_service_flow(run, true);
	loopback_of(packet->family, &loopback);
	if (is_same_address(&packet->destination, &loopback))
		packet->destination = packet->source;
	if (!is_service(&run->service))
		return CARRY_ON;
	frontend = frontend_of(packet->family, &run->service.frontend, run->service.frontend_port, packet->protocol);
	return frontend && keeps_backend(run, frontend->pool) ? CARRY_ON : REASON_NO_BACKEND;
}

/* Where a pod speaks to itself through a service: nothing that it sends there leaves it, and no policy stands between. */
static __always_inline bool is_hairpin(const struct run *run)
{
	return run->packet.is_translated && run->own.zone == run->far.zone;
}

/* What the flow's entries are to say. */
static __always_inline void fill_rewrites(struct run *run)
{
	const struct service_flow *service = &run->service;
	struct flow_decision *decision = &run->decision;
	bool ipv4 = run->packet.family == 4;

	decision->rewrite = flow_rewrite(ipv4 ? service->backend.ipv4 : FLOW_REWRITE_IPV6, service->backend_port, service->seen_port);
	decision->reply_rewrite = flow_rewrite(ipv4 ? service->frontend.ipv4 : FLOW_REWRITE_IPV6, service->frontend_port, service->client_port);
	for (int i = 0; i < 2; i++) {
		decision->rewrite_address[i] = service->backend.halves[i];
		decision->reply_rewrite_address[i] = service->frontend.halves[i];
	}
}

/* What becomes of the packet in hand. */
static __always_inline void fill_translation(struct run *run)
{
	const struct service_flow *service = &run->service;
	struct translation *translation = &run->translation;
	bool reply = run->packet.reply;

	translation->address = reply ? service->frontend : service->backend;
	translation->port = reply ? service->frontend_port : service->backend_port;
	translation->other_port = reply ? service->client_port : service->seen_port;
	translation->is_reply = reply;
}
