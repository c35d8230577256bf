/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The node's one ring buffer. What doesn't fit is counted as lost: sent = delivered + lost (design D7). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../types/event.h"
#include "counters.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4194304);
} events SEC(".maps");

/* Room for one record, to be filled and handed to bpf_ringbuf_submit. NULL: full; the loss is counted. */
static __always_inline struct event *event_reserve(void)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	count(COUNTER_EVENTS_SENT, sizeof(*event));
	if (!event)
		count(COUNTER_EVENTS_LOST, sizeof(*event));
	return event;
}
