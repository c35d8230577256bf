// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A test run that is repeated runs on what the run before left behind: a packet with another MAC and one hop less, an entry in the flow table. Each program here puts that back, then jumps into
 * the program under test by a tail call. What the wrapper itself costs is measured with `nothing` in that place, and subtracted; so all it does is done without a condition.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow/write.h"
#include "maps/allowances.h"
#include "maps/decisions.h"
#include "maps/denials.h"

enum {
	HEADERS = 64, /* Ethernet, IPv4 or IPv6, ports */
	PORTS = 34, /* where the ports of TCP over IPv4 lie in a frame */
	SOURCE_PORTS_BITS = 14,
	NOT_REACHED = 0x7fffffff, /* the tail call failed */
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

/* What user space sets, by the name of each. */
__u64 headers[HEADERS / 8]; /* first bytes of every packet */
__u32 packets; /* counts up with each varied packet */
__u32 last_flow; /* number of flows less one; the number is a power of two */
__u32 first_port; /* source port of the first of the varied flows, host order; the destination port is that of `headers`, and one more for each 2^14 flows */
__u32 turned; /* 1: the packets answer those flows */
__u32 forget_buckets[2]; /* of flows_v4, where both directions of the flow lie */
__u32 forget_ways[2];
__u32 forget_owner; /* the endpoint that they are charged to */
__u32 forget_decisions[2];
__u32 network_id; /* of an arriving packet's VXLAN header */
__u32 outer_source; /* and its IPv4 source address, host order */
__u32 forget_denial; /* where the flow is marked as denied */

/* The frame's first bytes; NULL: it is shorter than any of ours. */
static __always_inline __u8 *restore_headers(struct __sk_buff *skb)
{
	__u64 *frame = (void *)(long)skb->data;

	if ((void *)(frame + HEADERS / 8) > (void *)(long)skb->data_end)
		return NULL;
	for (int i = 0; i < HEADERS / 8; i++)
		frame[i] = headers[i];
	return (__u8 *)frame;
}

/* As if nobody had ever stored an entry in that way. The version goes on: it never repeats. */
static __always_inline void forget_entry(__u32 index, __u32 way)
{
	struct flow_bucket *bucket = flow_bucket(index, FLOW_WORDS4);
	struct flow_state *state;
	flow_word *key;

	if (!bucket)
		return;
	state = flow_state(bucket, way, FLOW_WORDS4);
	key = flow_state_key(state);
	flow_set_tag(bucket, way, 0, FLOW_WORDS4);
	for (int i = 0; i < FLOW_WORDS4; i++)
		key[i] = 0;
	state->action.class = FLOW_EMPTY;
	state->counter = 0;
}

static __always_inline void forget_decision(__u32 index)
{
	struct decision *decision = bpf_map_lookup_elem(&decisions, &index);

	if (decision)
		decision->answer.known = 0;
}

static __always_inline void forget_mark(__u32 index)
{
	__u32 *mark = bpf_map_lookup_elem(&denials, &index);

	if (mark)
		*mark = 0;
}

/* As if no flow of the endpoint had been denied in this tick. */
static __always_inline void forget_records(void)
{
	struct allowance *allowance = allowance_of(forget_owner, DIRECTION_EGRESS);

	if (allowance)
		allowance->used = 0;
}

static __always_inline void forget_flow(void)
{
	struct flow_shares *shares = flow_shares_of_node();

	for (int i = 0; i < 2; i++)
		forget_entry(forget_buckets[i], forget_ways[i]);
	if (shares)
		shares->owners[forget_owner & (FLOW_OWNERS - 1)].young = 0;
}

static __always_inline int run(struct __sk_buff *skb)
{
	bpf_tail_call_static(skb, &under_test, 0);
	return NOT_REACHED;
}

/* The same packet every time. */
SEC("tc")
int same_packet(struct __sk_buff *skb)
{
	restore_headers(skb);
	return run(skb);
}

/* The same packet as the tunnel device hands it over: with what the outer headers said. Who reads it takes the local address for the sender's: on arrival they change places. */
SEC("tc")
int arriving_packet(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = network_id, .local_ipv4 = outer_source };

	restore_headers(skb);
	bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0);
	return run(skb);
}

/* Packets of so many flows in turn. */
SEC("tc")
int varied_packets(struct __sk_buff *skb)
{
	__u32 flow = packets++ & last_flow;
	__u8 *frame = restore_headers(skb);
	__u16 source, destination;

	if (!frame)
		return NOT_REACHED;
	source = bpf_htons(first_port + (flow & ((1 << SOURCE_PORTS_BITS) - 1)));
	destination = bpf_htons(bpf_ntohs(*(__u16 *)(frame + PORTS + 2)) + (flow >> SOURCE_PORTS_BITS));
	*(__u16 *)(frame + PORTS) = turned ? destination : source;
	*(__u16 *)(frame + PORTS + 2) = turned ? source : destination;
	return run(skb);
}

/* The first packet of its flow every time. */
SEC("tc")
int unknown_flow(struct __sk_buff *skb)
{
	restore_headers(skb);
	forget_flow();
	return run(skb);
}

/* The same, and nobody has asked the policy yet. */
SEC("tc")
int undecided_flow(struct __sk_buff *skb)
{
	restore_headers(skb);
	forget_flow();
	forget_mark(forget_denial);
	forget_records();
	for (int i = 0; i < 2; i++)
		forget_decision(forget_decisions[i]);
	return run(skb);
}

/* In the place of the program under test: what the wrapper costs. */
SEC("tc")
int nothing(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
