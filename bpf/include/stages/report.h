/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What user space is told of a packet. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/events.h"
#include "../maps/run.h"
#include "../parse/packet.h"
#include "../types/reason.h"

/* Both addresses, of which the destination's comes first in a frame; two bytes at a time, as they are aligned. */
static __always_inline void fill_macs(struct event *event, const struct __sk_buff *skb)
{
	const __u16 *from = (const void *)(long)skb->data;
	__u16 *source = (__u16 *)event->source_mac, *destination = (__u16 *)event->destination_mac;
	bool whole = (const void *)(from + ETH_ALEN) <= (const void *)(long)skb->data_end;

	for (int i = 0; i < ETH_ALEN / 2; i++) {
		destination[i] = whole ? from[i] : 0;
		source[i] = whole ? from[i + ETH_ALEN / 2] : 0;
	}
}

static __always_inline void fill_ports(struct event *event, const struct packet *packet)
{
	bool icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;

	event->source_port = icmp ? bpf_htons(packet->icmp_type) : packet->source_port;
	event->destination_port = icmp ? bpf_htons(packet->icmp_code) : packet->destination_port;
}

/* Of a packet that was dropped early, nobody knows. */
static __always_inline enum event_reply reply_of(const struct packet *packet)
{
	if (packet->is_judged)
		return packet->reply;
	return packet->entry == ENTRY_NONE ? EVENT_REPLY_UNKNOWN : packet->entry == ENTRY_REPLY;
}

/*
 * Reading the clock takes as long as everything else about a record. Of those that one processor makes in a jiffy the first reads it, and lends its time to the others. `last`: what this processor
 * remembers from record to record.
 */
static __always_inline __u64 time_of_record(struct moment *last)
{
	__u64 jiffy = bpf_jiffies64();

	if (last->jiffy != jiffy) {
		last->time_ns = bpf_ktime_get_boot_ns();
		last->jiffy = jiffy;
	}
	return last->time_ns;
}

static __always_inline void describe(struct event *event, struct __sk_buff *skb, struct run *run, enum event_type type, enum verdict verdict, enum drop_reason reason)
{
	const struct packet *packet = &run->packet;

	event->time_ns = time_of_record(&run->moment);
	event->packets = 1 + packet->repeats;
	event->bytes = packet->repeats ? packet->bytes : skb->len;
	__builtin_memcpy(event->source, &packet->source, sizeof(event->source));
	__builtin_memcpy(event->destination, &packet->destination, sizeof(event->destination));
	fill_ports(event, packet);
	event->source_identity = packet->source_identity;
	event->destination_identity = packet->destination_identity;
	event->egress_origin = packet->egress_origin;
	event->ingress_origin = packet->ingress_origin;
	event->ifindex = skb->ifindex;
	event->length = skb->len;
	event->repeats = packet->repeats;
	event->source_zone = packet->zone;
	event->destination_zone = packet->side == DIRECTION_EGRESS ? packet->target : packet->slot;
	event->type = type;
	event->verdict = verdict;
	event->reason = reason;
	event->direction = packet->at;
	event->family = packet->family;
	event->protocol = packet->protocol;
	event->tcp_flags = packet->tcp_flags;
	event->reply = reply_of(packet);
	fill_macs(event, skb);
}

/* One record about the packet in hand. */
static __always_inline void report(struct __sk_buff *skb, struct run *run, enum event_type type, enum verdict verdict, enum drop_reason reason)
{
	struct event *event = event_reserve();

	if (!event)
		return;
	describe(event, skb, run, type, verdict, reason);
	bpf_ringbuf_submit(event, 0);
}

__noinline int report_drop(struct __sk_buff *skb, struct run *run, enum drop_reason reason)
{
	if (run)
		report(skb, run, EVENT_DROP, VERDICT_DROPPED, reason);
	return 0;
}
