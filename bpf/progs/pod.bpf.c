// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What happens at the node side of a pod's veth pair: `from_pod` where the pod's packets come in (tc ingress), `to_pod` where the node's stack sends packets to the pod (tc egress). Shared by
 * all pods; which one it is says the interface. And `from_tunnel`, where the tunnel device hands over what other nodes sent (tc ingress), without its outer headers. README.md tells the story.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/run.h"
#include "parse/frame.h"
#include "parse/packet.h"
#include "stages/arp.h"
#include "stages/arrival.h"
#include "stages/claim.h"
#include "stages/conclude.h"
#include "stages/decide.h"
#include "stages/deliver.h"
#include "stages/discovery.h"
#include "stages/outcome.h"
#include "stages/recall.h"
#include "stages/refuse.h"
#include "stages/related.h"

/* The flow table first; what it doesn't know is decided. `receiver`: the pod of this node that the packet goes to, if any. */
static __always_inline int consider(struct __sk_buff *skb, struct run *run, const struct endpoint *self, const struct endpoint **receiver, __u8 family)
{
	struct packet *packet = &run->packet;
	int outcome = UNDECIDED;

	if (packet->kind == PACKET_ICMP_ERROR)
		outcome = relate(skb, run);
	if (outcome == UNDECIDED) {
		outcome = recall(skb, run, self, receiver, family);
		if (outcome != UNDECIDED)
			return outcome;
		outcome = decide(skb, run);
	}
	*receiver = receiver_of(packet);
	return outcome;
}

static __always_inline int leave_pod(struct __sk_buff *skb, struct run *run, const struct endpoint *self, __u8 family)
{
	const struct endpoint *receiver = NULL;
	struct packet *packet = &run->packet;
	int outcome = parse(skb, packet, family);

	if (outcome != CARRY_ON)
		return outcome;
	if (family == 6 && packet->kind == PACKET_LINK_LOCAL)
		return hear_link(skb, packet, self);
	outcome = check_ready(self);
	if (outcome == CARRY_ON)
		outcome = consider(skb, run, self, &receiver, family);
	return outcome == CARRY_ON ? route(skb, run, self, receiver, family) : outcome;
}

static __always_inline int enter_pod(struct __sk_buff *skb, struct run *run, const struct endpoint *self, __u8 family)
{
	const struct endpoint *receiver = NULL;
	struct packet *packet = &run->packet;
	int outcome = parse(skb, packet, family);

	if (outcome != CARRY_ON)
		return outcome;
	if (family == 6 && packet->kind == PACKET_LINK_LOCAL)
		return packet->zone == ZONE_HOST ? CONSUMED : REASON_FORBIDDEN_ICMPV6;
	outcome = check_ready(self);
	if (outcome == CARRY_ON)
		outcome = check_destination(packet, self, family);
	if (outcome == CARRY_ON)
		outcome = consider(skb, run, self, &receiver, family);
	return outcome == CARRY_ON ? FORWARD_TO_ENDPOINT : outcome;
}

static __always_inline int hear_pod(struct __sk_buff *skb, struct run *run)
{
	const struct endpoint *self = endpoint_of_slot(run->packet.slot);
	int outcome;

	if (!self || !run->packet.slot)
		return REASON_ENDPOINT_NOT_READY;
	outcome = check_source_mac(skb, self);
	if (outcome != CARRY_ON) {
		read_for_record(skb, &run->packet);
		return outcome;
	}
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return leave_pod(skb, run, self, 4);
	case bpf_htons(ETH_P_IPV6):
		return leave_pod(skb, run, self, 6);
	case bpf_htons(ETH_P_ARP):
		return answer_arp(skb, &run->packet, self);
	}
	return REASON_UNSUPPORTED_L3;
}

static __always_inline int hear_stack(struct __sk_buff *skb, struct run *run)
{
	const struct endpoint *self = endpoint_of_slot(run->packet.slot);

	if (!self || !run->packet.slot)
		return REASON_ENDPOINT_NOT_READY;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return enter_pod(skb, run, self, 4);
	case bpf_htons(ETH_P_IPV6):
		return enter_pod(skb, run, self, 6);
	case bpf_htons(ETH_P_ARP):
		return CONSUMED;
	}
	return REASON_UNSUPPORTED_L3;
}

enum {
	HOP_OF_A_SUM = 0xfeff, /* one hop less: -0x0100, as the hop limit is the second byte of its word */
};

/* Whether an ICMP error belongs to a flow. The claim is checked here, as no decision about the error itself will. */
static __always_inline int relate_arrival(struct __sk_buff *skb, struct run *run)
{
	struct packet *packet = &run->packet;
	int outcome = admit(packet);

	if (outcome == CARRY_ON)
		outcome = check_claim(packet);
	return outcome == CARRY_ON ? relate(skb, run) : outcome;
}

static __always_inline int decide_arrival(struct __sk_buff *skb, struct run *run)
{
	int outcome = admit(&run->packet);

	return outcome == CARRY_ON ? decide(skb, run) : outcome;
}

static __always_inline int enter_node(struct __sk_buff *skb, struct run *run, __u8 family)
{
	const struct endpoint *receiver = NULL;
	struct packet *packet = &run->packet;
	int outcome = parse(skb, packet, family);

	if (outcome != CARRY_ON)
		return outcome;
	outcome = open_tunnel(skb, run);
	if (outcome != CARRY_ON)
		return outcome;
	if (family == 6 && packet->kind == PACKET_LINK_LOCAL)
		return REASON_FORBIDDEN_ICMPV6;
	outcome = packet->kind == PACKET_ICMP_ERROR ? relate_arrival(skb, run) : UNDECIDED;
	if (outcome == UNDECIDED)
		outcome = recall(skb, run, NULL, &receiver, family);
	if (outcome == UNDECIDED)
		outcome = decide_arrival(skb, run);
	if (outcome != CARRY_ON)
		return outcome;
	receiver = endpoint_of_slot(packet->slot);
	if (!receiver)
		return REASON_UNKNOWN_TARGET;
	/* IPv6 has no sum of its own header: one over the whole packet (CHECKSUM_COMPLETE) would notice the hop that is taken off. */
	if (family == 6)
		bpf_csum_update(skb, HOP_OF_A_SUM);
	return route_to_pod(skb, packet, receiver, family);
}

static __always_inline int hear_tunnel(struct __sk_buff *skb, struct run *run)
{
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return enter_node(skb, run, 4);
	case bpf_htons(ETH_P_IPV6):
		return enter_node(skb, run, 6);
	}
	return REASON_UNSUPPORTED_L3;
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	__u16 slot = slot_of_interface(skb->ifindex);
	struct run *run = run_of_processor();
	int outcome;

	if (!run)
		return TC_ACT_SHOT;
	run->packet = (struct packet){ .slot = slot, .zone = slot, .side = DIRECTION_EGRESS, .at = DIRECTION_EGRESS };
	outcome = hear_pod(skb, run);
	conclude(skb, run, outcome);
	switch (outcome) {
	case FORWARD_TO_ENDPOINT:
	case ANSWERED:
		return bpf_redirect_peer(run->packet.redirect_to, 0);
	case FORWARD_TO_NODE:
		return bpf_redirect(run->packet.redirect_to, 0);
	case FORWARD_TO_STACK:
	case FORWARD_TO_HOST:
		return TC_ACT_OK;
	case REASON_NO_BACKEND:
		return refuse(skb, run);
	}
	return TC_ACT_SHOT;
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	__u16 slot = slot_of_interface(skb->ifindex);
	__u16 zone = skb->ingress_ifindex ? ZONE_NATIVE : ZONE_HOST;
	struct run *run = run_of_processor();
	int outcome;

	if (!run)
		return TC_ACT_SHOT;
	run->packet = (struct packet){ .slot = slot, .zone = zone, .side = DIRECTION_INGRESS, .at = DIRECTION_INGRESS };
	outcome = hear_stack(skb, run);
	conclude(skb, run, outcome);
	if (outcome == REASON_NO_BACKEND)
		return become_reset(skb, run) ? TC_ACT_OK : TC_ACT_SHOT;
	return outcome == FORWARD_TO_ENDPOINT ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int from_tunnel(struct __sk_buff *skb)
{
	struct run *run = run_of_processor();
	int outcome;

	if (!run)
		return TC_ACT_SHOT;
	run->packet = (struct packet){ .side = DIRECTION_INGRESS, .at = DIRECTION_INGRESS };
	outcome = hear_tunnel(skb, run);
	conclude(skb, run, outcome);
	if (is_drop(outcome) && outcome != REASON_NO_BACKEND)
		return TC_ACT_SHOT;
	/* The stack of another node doesn't know the MAC of this one's device, and receivers would take its frames for somebody else's. */
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	if (outcome == REASON_NO_BACKEND)
		return hand_reset(skb, run);
	return outcome == FORWARD_TO_ENDPOINT ? bpf_redirect_peer(run->packet.redirect_to, 0) : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
