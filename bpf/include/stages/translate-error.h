/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP errors about packets that were rewritten on the way: who gets one knows the packet that it quotes as it was. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>

#include "../maps/run.h"
#include "../parse/packet.h"
#include "../parse/translation.h"
#include "../types/reason.h"
#include "outcome.h"
#include "sums.h"
#include "translate.h"

enum {
	ICMP_ERROR_HEADER = 8, /* of both families; the quoted packet follows */
	ICMP_SUM = 2, /* offset in it */
};

/* Replaces the ports at `at`; the difference that makes. Negative: it can't. */
static __always_inline __s64 rename_ports(struct __sk_buff *skb, __u32 at, __u32 ports)
{
	__u32 old;

	if (bpf_skb_load_bytes(skb, at, &old, sizeof(old)) != 0)
		return -1;
	if (bpf_skb_store_bytes(skb, at, &ports, sizeof(ports), 0) != 0)
		return -1;
	return fold((__u64)(__u32)~old + ports);
}

/* An IPv4 header has a sum of its own, so that nothing around it changes. Returns where its transport header lies; 0: it can't be read. */
static __always_inline __u32 rename_header4(struct __sk_buff *skb, __u32 at, const struct renamed *to)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) != 0)
		return 0;
	rename_ipv4(&ip, to);
	return bpf_skb_store_bytes(skb, at, &ip, sizeof(ip), 0) == 0 ? at + ip.ihl * 4 : 0;
}

static __always_inline __s64 rename_header6(struct __sk_buff *skb, __u32 at, const struct renamed *to)
{
	struct ipv6hdr ip;
	__u32 difference;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) != 0)
		return -1;
	difference = rename_ipv6(&ip, to);
	return bpf_skb_store_bytes(skb, at, &ip, sizeof(ip), 0) == 0 ? (__s64)difference : -1;
}

static __always_inline int rename_error4(struct __sk_buff *skb, __u32 icmp_at, const struct renamed *outer, const struct renamed *quoted)
{
	__u32 ports_at = rename_header4(skb, icmp_at + ICMP_ERROR_HEADER, quoted);
	struct differences changed = { 0 };
	__s64 ports;

	if (!ports_at || !rename_header4(skb, ETH_HLEN, outer))
		return REASON_TRUNCATED_HEADER;
	ports = rename_ports(skb, ports_at, quoted->ports);
	if (ports < 0)
		return REASON_TRUNCATED_HEADER;
	changed.ports = ports;
	return follow_by_helpers(skb, icmp_at + ICMP_SUM, &changed, 4, IPPROTO_ICMP) ? CARRY_ON : REASON_TRUNCATED_HEADER;
}

/* ICMPv6 sums the addresses of both headers: of its own as those of a pseudo header. */
static __always_inline int rename_error6(struct __sk_buff *skb, __u32 icmp_at, const struct renamed *outer, const struct renamed *quoted)
{
	__u32 quoted_at = icmp_at + ICMP_ERROR_HEADER;
	__s64 inside = rename_header6(skb, quoted_at, quoted), outside = rename_header6(skb, ETH_HLEN, outer);
	__s64 ports = rename_ports(skb, quoted_at + sizeof(struct ipv6hdr), quoted->ports);
	struct differences changed;

	if (inside < 0 || outside < 0 || ports < 0)
		return REASON_TRUNCATED_HEADER;
	changed.addresses = outside;
	changed.ports = fold((__u64)inside + ports);
	return follow_by_helpers(skb, icmp_at + ICMP_SUM, &changed, 6, IPPROTO_ICMPV6) ? CARRY_ON : REASON_TRUNCATED_HEADER;
}

/*
 * Rewrites an error as its flow's packets are. `answer`: a packet that answers the quoted one, as it would come in where the error did; `run->translation`: what would become of it. The error comes from whom it would, or from
 * a router between.
 */
static __noinline int translate_error(struct __sk_buff *skb, struct run *run, const struct packet *answer)
{
	const struct packet *packet = &run->packet;
	__u32 icmp_at = packet->transport_offset;
	struct renamed *outer = &run->renamed, *quoted = &run->quoted;

	rename_ends(answer, &run->translation, outer);
	quoted->source = outer->destination;
	quoted->destination = outer->source;
	quoted->ports = outer->ports >> 16 | outer->ports << 16;
	if (!is_same_address(&packet->source, &answer->source))
		outer->source = packet->source;
	return packet->family == 4 ? rename_error4(skb, icmp_at, outer, quoted) : rename_error6(skb, icmp_at, outer, quoted);
}
