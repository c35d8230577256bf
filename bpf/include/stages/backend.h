/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which backend of a pool a new flow goes to: where its client went last, with affinity, else what the pool's table says at its position. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../maps/run.h"
#include "../maps/services.h"
#include "../parse/packet.h"
#include "../parse/translation.h"
#include "../types/reason.h"
#include "outcome.h"

enum {
	SEARCHES = 2, /* in tables that are changing meanwhile */
};

static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

/* Where in the pool's table the flow belongs: the same on every node that has the same seed. With affinity all flows of a client belong to one place. */
static __always_inline __u32 position_of(const struct packet *packet, const struct service_pool *pool)
{
	const struct service_state *state = state_of_services();
	__u64 hash = state ? state->seed : 0;

	hash = mix(hash, packet->source.halves[0]);
	hash = mix(hash, packet->source.halves[1]);
	if (!pool->affinity_seconds) {
		hash = mix(hash, packet->destination.halves[0]);
		hash = mix(hash, packet->destination.halves[1]);
		hash = mix(hash, packet->ports | (__u64)packet->protocol << 32);
	}
	hash = mix(hash, state ? state->seed_too : 0);
	return (hash >> 32) * pool->positions >> 32;
}

/* The backend at the flow's position. NULL: none is usable, or what was read is half old, half new. */
static __always_inline const struct service_backend *search(const struct packet *packet, __u32 number, const struct service_pool *pool)
{
	const struct service_backend *backend;
	__s32 slot = pool->only;

	if (pool->usable > 1)
		slot = slot_at(number, position_of(packet, pool));
	if (slot < 0 || slot >= (__s32)pool->room)
		return NULL;
	backend = backend_of_row(pool->first + slot);
	return backend && backend->pool == number && backend->state != BACKEND_NONE ? backend : NULL;
}

/* Where the client's last new flow went, if new ones may still go there: as `chosen` may. */
static __always_inline const struct service_backend *search_affinity(const struct packet *packet, __u32 number, const struct service_pool *pool, const struct service_backend *chosen)
{
	struct affinity_key key = { .pool = number };
	const struct service_backend *backend;
	const struct pool_member *member;
	const struct affinity *last;
	union address address;

	__builtin_memcpy(key.client, &packet->source, sizeof(key.client));
	last = bpf_map_lookup_elem(&affinities, &key);
	if (!last || bpf_ktime_get_boot_ns() - last->last_ns > pool->affinity_seconds * 1000000000ull)
		return NULL;
	__builtin_memcpy(&address, last->address, sizeof(address));
	member = member_of(number, &address, last->port);
	backend = member ? backend_of_row(member->row) : NULL;
	return backend && backend->pool == number && backend->state == chosen->state ? backend : NULL;
}

static __always_inline void remember_affinity(const struct packet *packet, __u32 number, const struct service_backend *backend)
{
	struct affinity_key key = { .pool = number };
	struct affinity last = { .last_ns = bpf_ktime_get_boot_ns(), .port = backend->port };

	__builtin_memcpy(key.client, &packet->source, sizeof(key.client));
	__builtin_memcpy(last.address, backend->address, sizeof(last.address));
	bpf_map_update_elem(&affinities, &key, &last, BPF_ANY);
}

static __always_inline int take_backend(struct run *run, const struct service_backend *backend)
{
	__builtin_memcpy(&run->service.backend, backend->address, sizeof(run->service.backend));
	run->service.backend_port = backend->port;
	run->service.seen_port = run->service.client_port;
	return CARRY_ON;
}

/* A new flow's backend. */
__noinline int choose_backend(struct run *run, __u32 number)
{
	const struct service_backend *backend, *again;
	const struct service_pool *pool = pool_of_number(number);

	if (!run || !pool || !pool->usable)
		return REASON_NO_BACKEND;
	for (int i = 0; i < SEARCHES; i++) {
		backend = search(&run->packet, number, pool);
		if (!backend)
			continue;
		if (pool->affinity_seconds) {
			again = search_affinity(&run->packet, number, pool, backend);
			backend = again ? again : backend;
			remember_affinity(&run->packet, number, backend);
		}
		return take_backend(run, backend);
	}
	return REASON_STALE;
}
