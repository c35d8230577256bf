// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A program that the verifier must refuse: it reads a packet without looking how long it is.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int read_blindly(struct __sk_buff *skb)
{
	return *(__u8 *)(long)skb->data;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
