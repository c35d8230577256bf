/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Entries of pods that have gone. No packet can find them any more, but an established connection's would keep their ways for hours. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "../flow/expire.h"
#include "../maps/endpoints.h"
#include "../parse/ipv4.h"
#include "../types/reason.h"
#include "arrival.h"

/* What is rewritten goes elsewhere than its key says; but a reply does go to its client, unless that is the backend, too, and seems to be somebody else. */
static __always_inline bool has_own_destination(const struct flow_action *action, __u16 zone)
{
	if (flow_denies_rewritten(action))
		return false;
	return !flow_is_rewritten(action) || (action->flags & FLOW_REPLY && action->target != zone);
}

static __always_inline bool is_orphan(const struct flow_action *action, __u16 zone, __u8 family, const union address *source, const union address *destination)
{
	if (action->class == FLOW_EMPTY)
		return false;
	return is_gone(zone, family, source) || (has_own_destination(action, zone) && is_gone(action->target, family, destination));
}

static __always_inline bool is_orphan4(const struct flow_ended4 *entry)
{
	union address source, destination;

	address_from_ipv4(&source, entry->key.source);
	address_from_ipv4(&destination, entry->key.destination);
	return is_orphan(&entry->entry.action, entry->key.zone, 4, &source, &destination);
}

static __always_inline bool is_orphan6(const struct flow_ended6 *entry)
{
	return is_orphan(&entry->entry.action, entry->key.zone, 6, (const union address *)entry->key.source, (const union address *)entry->key.destination);
}
