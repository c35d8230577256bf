// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What our own datapath is compared with on real traffic (suite lab), and where its datagrams end. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 peer_interface; /* node side of the other pod */
const volatile __u16 datagram_port; /* host order */

/* Datagrams that `take` has taken. Traffic runs on one CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} taken SEC(".maps");

/* Bare redirect_peer: everything but ARP and the like into the other pod, nothing looked at. At the node side of a pod, ingress. */
SEC("tc")
int redirect(struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IP) ? bpf_redirect_peer(peer_interface, 0) : TC_ACT_OK;
}

/* Counts and drops the datagrams of one port: at the node side of the sender, or in the receiver. */
SEC("tc")
int take(struct __sk_buff *skb)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct iphdr *ip = data + ETH_HLEN;
	const struct udphdr *udp = (const void *)(ip + 1);
	__u32 key = 0;
	__u64 *count;

	if ((const void *)(udp + 1) > end || skb->protocol != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(datagram_port))
		return TC_ACT_OK;
	count = bpf_map_lookup_elem(&taken, &key);
	if (count)
		*count += 1;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
