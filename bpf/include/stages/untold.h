/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The last drops of a burst (stages/repeats.h), after which nothing comes that would tell them: the sweep does. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../maps/events.h"
#include "../maps/repeats.h"

/* What was counted in a tick that is over, if nobody has told it. `record`: working memory. */
static __always_inline bool take_repeats(struct repeats *repeats, struct event *record, __u32 now)
{
	bool is_due;

	bpf_spin_lock(&repeats->lock);
	is_due = repeats->first.packets != 0 && repeats->tick != now;
	if (is_due) {
		*record = repeats->first;
		repeats->first.packets = 0;
	}
	bpf_spin_unlock(&repeats->lock);
	return is_due;
}

__noinline int tell_repeats(__u32 index)
{
	struct repeats *repeats = repeats_at(index);
	__u32 now = flow_now();
	struct event record, *event;

	if (!repeats || FLOW_LOAD(repeats->first.packets) == 0 || !take_repeats(repeats, &record, now))
		return 0;
	event = event_reserve();
	if (!event)
		return 0;
	*event = record;
	event->time_ns = bpf_ktime_get_boot_ns();
	event->repeats = record.packets - 1;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
