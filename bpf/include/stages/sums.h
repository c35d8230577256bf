/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Checksums of packets that are rewritten (RFC 1624), and what the kernel has still to do about them. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

/* skb->ip_summed. */
enum summed {
	SUMMED_NONE = 0,
	SUMMED_UNNECESSARY = 1,
	SUMMED_COMPLETE = 2, /* skb->csum is the sum over the whole packet */
	SUMMED_PARTIAL = 3, /* the field has the pseudo header's sum; whoever sends it does the rest */
	SUMMED_UNKNOWN = 4, /* Linux before 6.2 doesn't say: leave it to helpers */
};

extern void *bpf_cast_to_kern_ctx(void *) __ksym __weak;

struct sk_buff___summed {
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

static __always_inline enum summed summed_of(struct __sk_buff *skb)
{
	const struct sk_buff___summed *kernel;

	if (!bpf_cast_to_kern_ctx)
		return SUMMED_UNKNOWN;
	kernel = bpf_cast_to_kern_ctx(skb);
	return BPF_CORE_READ_BITFIELD(kernel, ip_summed);
}

/* A sum of 32-bit words, as 16 bits. */
static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* A checksum field after what it covers has grown by `difference` (a sum; what was taken away is in it as its complement). */
static __always_inline __sum16 updated_sum(__sum16 field, __u32 difference)
{
	return ~fold((__u64)(__u16)~field + difference);
}

/* What a packet's checksums have to follow. Sums of the new words and of the complements of the old ones. */
struct differences {
	__u32 addresses; /* in the network header, thus in the pseudo header */
	__u32 ports;
};

/* Direct: nothing but the field changes, and the whole packet's sum, where one is kept and the header's own doesn't make up for its addresses. */
static __always_inline void follow_directly(struct __sk_buff *skb, __sum16 *field, const struct differences *changed, __u8 family, __u8 protocol, enum summed summed)
{
	__sum16 sum;

	if (summed == SUMMED_PARTIAL) {
		*field = fold((__u64)*field + changed->addresses);
		return;
	}
	if (protocol == IPPROTO_UDP && !*field)
		return;
	sum = updated_sum(*field, fold((__u64)changed->addresses + changed->ports));
	*field = protocol == IPPROTO_UDP && !sum ? 0xffff : sum;
	if (summed == SUMMED_COMPLETE && family == 4)
		bpf_csum_update(skb, (__u16)~changed->addresses);
}

/* By helpers, which look at ip_summed themselves. Of IPv6 they would take the addresses out of the whole packet's sum, where no header's own sum made up for them. Packet pointers are void afterwards. */
static __always_inline bool follow_by_helpers(struct __sk_buff *skb, __u32 offset, const struct differences *changed, __u8 family, __u8 protocol)
{
	__u64 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (bpf_l4_csum_replace(skb, offset, 0, changed->addresses, flags | BPF_F_PSEUDO_HDR) != 0)
		return false;
	if (bpf_l4_csum_replace(skb, offset, 0, changed->ports, flags) != 0)
		return false;
	if (family == 6)
		bpf_csum_update(skb, changed->addresses);
	return true;
}
