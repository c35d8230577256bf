// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The flow table under attack: each run does one random thing to one of a few flows, while other processors do the same. Everything an entry says is derived from its flow and from `decided`,
 * so that a copy made of two entries (torn) and one of another flow's entry (misdelivered) show at the hit.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The protection that is taken out (enum flow_fault). */
const volatile __u32 stress_fault = 0;
#define FLOW_WITHOUT(fault) (stress_fault == (fault))

#include "flow/expire.h"
#include "flow/flow.h"

/* More than the table has room for. Even ones TCP, odd ones UDP. */
const volatile __u32 stress_flows = 24;

enum {
	STRESS_OWNERS = 3, /* flow n comes from zone STRESS_ZONE + n mod 3 … */
	STRESS_ZONE = 5,
	STRESS_TARGET = 100, /* … and goes to this one */
	STRESS_REASON = 133,
};

struct stress_counts {
	__u64 hits;
	__u64 stored;
	__u64 refused;
	__u64 denied;
	__u64 followed;
	__u64 expired;
	__u64 counted_packets; /* into the table */
	__u64 counted_bytes;
	__u64 told_packets; /* out of it */
	__u64 told_bytes;
	__u64 torn;
	__u64 misdelivered;
	__u64 twice; /* key seen in both its buckets */
	__u64 overdrawn; /* share seen below zero */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stress_counts);
} stress_counts SEC(".maps");

struct stress_memory {
	struct flow_key6 key;
	struct flow_key6 original;
	struct flow_decision decision;
	struct flow_ends4 ends4;
	struct flow_ends6 ends6;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stress_memory);
} stress_memories SEC(".maps");

struct attack {
	struct stress_counts *counts;
	struct stress_memory *memory;
	__u32 flow;
	__u32 random;
	bool reply;
};

static __always_inline __u32 derived_identity(__u32 decided, __u32 flow)
{
	return (decided + flow * 0x01000193) * 0x9e3779b1;
}

static __always_inline __u32 derived_origin(__u32 decided)
{
	return decided * 0x85ebca6b + 1;
}

static __always_inline __u32 derived_ingress_origin(__u32 decided)
{
	return decided * 0xc2b2ae35 + 2;
}

static __always_inline void make_key(struct attack *attack, const int words)
{
	static const __u8 addresses6[32] = { 0xfd, [15] = 1, [16] = 0xfd, [31] = 2 };
	static const __u8 addresses4[8] = { 10, 0, 0, 1, 10, 0, 0, 2 };
	__u32 ports = (1000 + attack->flow) | 80 << 16;
	__u16 zone = STRESS_ZONE + attack->flow % STRESS_OWNERS;
	__u8 protocol = attack->flow % 2 ? IPPROTO_UDP : IPPROTO_TCP;
	struct stress_memory *memory = attack->memory;

	if (words == FLOW_WORDS4)
		flow_key4_set((struct flow_key4 *)&memory->original, addresses4, ports, zone, protocol);
	else
		flow_key6_set(&memory->original, addresses6, ports, zone, protocol);
	if (attack->reply)
		flow_words_reverse((flow_word *)&memory->original, STRESS_TARGET, (flow_word *)&memory->key, words);
	else
		memory->key = memory->original;
}

static __always_inline bool find(struct attack *attack, struct flow_found *found, const int words)
{
	return words == FLOW_WORDS4 ? flow_find4((struct flow_key4 *)&attack->memory->key, found) : flow_find6(&attack->memory->key, found);
}

static __always_inline void check(struct attack *attack, const struct flow_action *action)
{
	__u64 rewrite = action->class == FLOW_NEGATIVE ? STRESS_REASON : 0;
	bool is_reply = action->flags & FLOW_REPLY;

	if (action->origin != derived_origin(action->decided) || action->rewrite != rewrite)
		attack->counts->torn++;
	else if (action->identity != derived_identity(action->decided, attack->flow) || is_reply != attack->reply)
		attack->counts->misdelivered++;
}

static __always_inline __u8 random_tcp_flags(struct attack *attack)
{
	static const __u8 flags[8] = { FLOW_ACK, FLOW_ACK, FLOW_ACK, FLOW_SYN | FLOW_ACK, FLOW_SYN | FLOW_ACK, FLOW_FIN | FLOW_ACK, FLOW_RST, FLOW_SYN };

	return attack->flow % 2 ? 0 : flags[attack->random >> 16 & 7];
}

static __always_inline void hit(struct attack *attack, bool follow, const int words)
{
	__u8 tcp_flags = follow ? random_tcp_flags(attack) : 0;
	__u32 bytes = 40 + (attack->random >> 8 & 1023);
	struct flow_found found;

	if (!find(attack, &found, words))
		return;
	check(attack, &found.action);
	if (follow && flow_signal(&found.action, tcp_flags) == FLOW_FOLLOW) {
		attack->counts->followed++;
		if (words == FLOW_WORDS4)
			flow_follow4((struct flow_key4 *)&attack->memory->key, tcp_flags);
		else
			flow_follow6(&attack->memory->key, tcp_flags);
	}
	attack->counts->hits++;
	attack->counts->counted_packets++;
	attack->counts->counted_bytes += bytes;
	flow_account(&found, bytes);
}

static __always_inline void hear_end(struct attack *attack, const struct flow_ended *ended)
{
	if (ended->action.class == FLOW_EMPTY)
		return;
	attack->counts->told_packets += ended->counter >> FLOW_PACKETS_SHIFT;
	attack->counts->told_bytes += ended->counter & ((1ULL << FLOW_PACKETS_SHIFT) - 1);
}

static __always_inline void hear_ends(struct attack *attack, const int words)
{
	struct stress_memory *memory = attack->memory;

	hear_end(attack, words == FLOW_WORDS4 ? &memory->ends4.original.entry : &memory->ends6.original.entry);
	hear_end(attack, words == FLOW_WORDS4 ? &memory->ends4.reply.entry : &memory->ends6.reply.entry);
}

static __always_inline void decide(struct attack *attack, bool deny, const int words)
{
	struct flow_decision *decision = &attack->memory->decision;
	__u32 decided = bpf_get_prandom_u32();
	int stored;

	__builtin_memset(decision, 0, sizeof(*decision));
	decision->decided = decided;
	decision->identity = derived_identity(decided, attack->flow);
	decision->egress_origin = derived_origin(decided);
	decision->ingress_origin = derived_ingress_origin(decided);
	decision->bytes = 60;
	decision->target = STRESS_TARGET;
	decision->reason = STRESS_REASON;
	decision->tcp_flags = attack->flow % 2 ? 0 : attack->random >> 16 & 1 ? FLOW_SYN : FLOW_ACK;
	if (words == FLOW_WORDS4)
		stored = deny ? flow_deny4((struct flow_key4 *)&attack->memory->original, decision, &attack->memory->ends4) : flow_open4((struct flow_key4 *)&attack->memory->original, decision, &attack->memory->ends4);
	else
		stored = deny ? flow_deny6(&attack->memory->original, decision, &attack->memory->ends6) : flow_open6(&attack->memory->original, decision, &attack->memory->ends6);
	hear_ends(attack, words);
	if (stored != FLOW_STORED) {
		attack->counts->refused++;
		return;
	}
	/* A denial doesn't count the packet in hand. */
	if (deny) {
		attack->counts->denied++;
		return;
	}
	attack->counts->stored++;
	attack->counts->counted_packets++;
	attack->counts->counted_bytes += decision->bytes;
}

/* Dead at once. */
static __always_inline void age(struct attack *attack, const int words)
{
	struct flow_found found;

	if (find(attack, &found, words))
		FLOW_STORE(found.state->last_seen, found.now - 100000);
}

static __always_inline void expire(struct attack *attack, const int words)
{
	struct stress_memory *memory = attack->memory;
	__u32 index = attack->random >> 16 & flow_mask(words);
	int expired = words == FLOW_WORDS4 ? flow_expire4(index, &memory->ends4.original) : flow_expire6(index, &memory->ends6.original);

	if (expired == FLOW_NOTHING_EXPIRED)
		return;
	attack->counts->expired++;
	hear_end(attack, words == FLOW_WORDS4 ? &memory->ends4.original.entry : &memory->ends6.original.entry);
}

/* Whatever lies in some way, as if its pod had gone. */
static __always_inline void evict(struct attack *attack, const int words)
{
	struct stress_memory *memory = attack->memory;
	struct flow_ended *ended = words == FLOW_WORDS4 ? &memory->ends4.original.entry : &memory->ends6.original.entry;
	__u32 index = attack->random >> 16 & flow_mask(words), way = attack->random >> 8 & (FLOW_WAYS - 1);
	__u32 version = flow_peek(index, way, ended, words);
	int expired;

	if (!version)
		return;
	expired = words == FLOW_WORDS4 ? flow_evict4(index, way, version, &memory->ends4.original) : flow_evict6(index, way, version, &memory->ends6.original);
	if (expired == FLOW_NOTHING_EXPIRED)
		return;
	attack->counts->expired++;
	hear_end(attack, ended);
}

static __always_inline bool is_in(__u32 index, const flow_word *key, __u64 hash, const int words)
{
	struct flow_bucket *bucket = flow_bucket(index, words);

	return bucket && flow_way_of(bucket, key, flow_tag(hash), words) != FLOW_WAYS;
}

static __always_inline void look_round(struct attack *attack, const int words)
{
	const flow_word *key = (const flow_word *)&attack->memory->key;
	struct flow_shares *shares = flow_shares_of_node();
	__u32 owner = STRESS_ZONE + attack->flow % STRESS_OWNERS;
	__u64 hash = flow_hash(key, words);

	if (is_in(flow_second(hash, flow_mask(words)), key, hash, words) && is_in(flow_home(hash, flow_mask(words)), key, hash, words))
		attack->counts->twice++;
	if (!shares)
		return;
	if ((__s32)FLOW_LOAD(*flow_count_in(shares, flow_count_of(owner, FLOW_HALF_OPEN))) < 0 || (__s32)FLOW_LOAD(*flow_count_in(shares, flow_count_of(owner, FLOW_ESTABLISHED))) < 0)
		attack->counts->overdrawn++;
}

static __always_inline int attack(const int words)
{
	__u32 index = 0, random = bpf_get_prandom_u32();
	struct attack attack = {
		.counts = bpf_map_lookup_elem(&stress_counts, &index),
		.memory = bpf_map_lookup_elem(&stress_memories, &index),
		.flow = bpf_get_prandom_u32() % stress_flows,
		.random = random,
		.reply = random >> 31,
	};
	__u8 what = random;

	if (!attack.counts || !attack.memory)
		return -1;
	make_key(&attack, words);
	if (what < 120)
		hit(&attack, false, words);
	else if (what < 160)
		hit(&attack, true, words);
	else if (what < 210)
		decide(&attack, false, words);
	else if (what < 216)
		decide(&attack, true, words);
	else if (what < 232)
		age(&attack, words);
	else if (what < 240)
		expire(&attack, words);
	else if (what < 241)
		evict(&attack, words);
	else
		look_round(&attack, words);
	return 0;
}

SEC("tc")
int attack4(struct __sk_buff *skb)
{
	return skb->len ? attack(FLOW_WORDS4) : -1;
}

SEC("tc")
int attack6(struct __sk_buff *skb)
{
	return skb->len ? attack(FLOW_WORDS6) : -1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
