/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Entries that lie in their second bucket are counted in their home bucket: counted before they are put there, dismissed after they are gone (README: invariant 4). */
#pragma once

#include "write.h"

/* Under the bucket's lock. 65535 sticks: from then on both buckets are always looked at. */
static __always_inline void flow_count_guest(struct flow_bucket *bucket, __s32 difference)
{
	if (bucket->guests != 65535)
		FLOW_STORE(bucket->guests, bucket->guests + difference);
}

static __always_inline void flow_dismiss(__u32 home, const int words)
{
	struct flow_bucket *bucket = flow_bucket(home, words);

	if (!bucket)
		return;
	flow_lock(bucket);
	flow_count_guest(bucket, -1);
	flow_unlock(bucket);
}

/* `ended`: just removed from where it lay. */
static __always_inline void flow_dismiss_ended(const struct flow_ended *ended, const int words)
{
	const flow_word *key = (const flow_word *)(ended + 1);

	if (ended->action.class != FLOW_EMPTY && ended->action.flags & FLOW_GUEST)
		flow_dismiss(flow_home(flow_hash(key, words), flow_mask(words)), words);
}
