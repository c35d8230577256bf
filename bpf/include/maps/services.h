/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Services: frontends, pools, tables, backends. Written by the agent only (types/service.h). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../parse/packet.h"
#include "../types/service.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SERVICE_FRONTENDS);
	__type(key, struct frontend4_key);
	__type(value, struct frontend);
} frontends_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SERVICE_FRONTENDS);
	__type(key, struct frontend6_key);
	__type(value, struct frontend);
} frontends_v6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its alignment */
	__uint(max_entries, SERVICE_POOLS);
	__type(key, __u32);
	__type(value, struct service_pool);
} service_pools SEC(".maps");

/* The inner map's flag lets tables differ in size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SERVICE_POOLS);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_INNER_MAP);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, sizeof(struct table_block));
	});
} service_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SERVICE_BACKENDS);
	__type(key, __u32);
	__type(value, struct service_backend);
} service_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SERVICE_BACKENDS);
	__type(key, struct pool_member_key);
	__type(value, struct pool_member);
} pool_members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service_state);
} service_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SERVICE_AFFINITIES);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
} affinities SEC(".maps");

/* Pool of a frontend; 0: there is none. Port and protocol 0: whether the address is a frontend's; then any number. */
static __always_inline const struct frontend *frontend_of(__u8 family, const union address *address, __be16 port, __u8 protocol)
{
	struct frontend4_key key4 = { .address = address->ipv4, .port = port, .protocol = protocol };
	struct frontend6_key key6 = { .port = port, .protocol = protocol };

	if (family == 4)
		return bpf_map_lookup_elem(&frontends_v4, &key4);
	__builtin_memcpy(key6.address, address, sizeof(key6.address));
	return bpf_map_lookup_elem(&frontends_v6, &key6);
}

static __always_inline const struct service_pool *pool_of_number(__u32 number)
{
	return bpf_map_lookup_elem(&service_pools, &number);
}

/* The slot at a position of a pool's table; negative: it has none there. */
static __always_inline __s32 slot_at(__u32 number, __u32 position)
{
	void *table = bpf_map_lookup_elem(&service_tables, &number);
	__u32 at = position / TABLE_BLOCK;
	const struct table_block *block = table ? bpf_map_lookup_elem(table, &at) : NULL;

	return block ? block->slots[position % TABLE_BLOCK] : -1;
}

static __always_inline const struct service_backend *backend_of_row(__u32 row)
{
	return bpf_map_lookup_elem(&service_backends, &row);
}

/* Whether the pool still has this backend, in whatever state. */
static __always_inline const struct pool_member *member_of(__u32 pool, const union address *address, __be16 port)
{
	struct pool_member_key key = { .pool = pool, .port = port };

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&pool_members, &key);
}

static __always_inline const struct service_state *state_of_services(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&service_state, &zero);
}
