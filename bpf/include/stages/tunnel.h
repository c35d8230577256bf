/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Into a tunnel. (Out of one: claim.h.) */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../config/cluster.h"
#include "../maps/endpoints.h"
#include "../maps/nodes.h"
#include "../parse/packet.h"

enum {
	IPV4_DONT_FRAGMENT = 0x4000,
};

/* Of a bulk transfer's aggregate the packets count that it will become. What may be cut on the way is: by the outer headers. */
static __noinline bool stays_too_big(struct __sk_buff *skb, const struct node *node, __u8 family)
{
	const struct iphdr *ipv4 = (const void *)(long)skb->data + ETH_HLEN;
	__u32 mtu = 0;

	if (skb->gso_size && bpf_check_mtu(skb, node->interface, &mtu, 0, BPF_MTU_CHK_SEGS) == 0)
		return false;
	if (family == 6)
		return true;
	return (const void *)(ipv4 + 1) <= (const void *)(long)skb->data_end && ipv4->frag_off & bpf_htons(IPV4_DONT_FRAGMENT);
}

/* Larger than the tunnel takes, and not to be cut: the stack tells the sender (its route has the same limit), which is how path MTU discovery works. */
static __always_inline bool is_too_big(struct __sk_buff *skb, const struct node *node, __u8 family)
{
	return skb->len > node->mtu + ETH_HLEN && stays_too_big(skb, node, family);
}

/* Tells the tunnel device where the packet goes, and who sent it. */
static __always_inline bool write_tunnel_key(struct __sk_buff *skb, struct bpf_tunnel_key *key, const struct endpoint *sender, const struct node *node)
{
	const union address *address = (const union address *)node->address;

	key->tunnel_id = cluster_id << IDENTITY_BITS | sender->identity;
	if (node->family == 4) {
		key->remote_ipv4 = bpf_ntohl(address->ipv4);
		return bpf_skb_set_tunnel_key(skb, key, sizeof(*key), BPF_F_ZERO_CSUM_TX) == 0;
	}
	__builtin_memcpy(key->remote_ipv6, address, sizeof(*address));
	return bpf_skb_set_tunnel_key(skb, key, sizeof(*key), BPF_F_TUNINFO_IPV6) == 0;
}
