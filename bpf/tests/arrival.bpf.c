// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A packet as the tunnel device hands it over: with what the outer headers said beside it. A test run can't say that; this puts it there, then jumps into `from_tunnel`. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

/* What user space sets. */
__u32 network_id;
__u32 outer_family; /* 0: the packet has no outer headers */
__u8 outer_source[16]; /* IPv4 in the first four bytes */

SEC("tc")
int arrive(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = network_id };

	/* Who reads a key takes its local address for the sender's: on arrival they change places. */
	if (outer_family == 4) {
		key.local_ipv4 = bpf_ntohl(*(__be32 *)outer_source);
		bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0);
	} else if (outer_family == 6) {
		__builtin_memcpy(key.local_ipv6, outer_source, sizeof(outer_source));
		bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
	}
	bpf_tail_call_static(skb, &under_test, 0);
	return -1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
