// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Reclaims flow entries that are dead or whose pod has gone and reports their counts, agent or no agent (design D8): a timer that the agent starts once and that runs as long as the map `sweepers` is
 * pinned. Shares flows_v4, flows_v6, flow_shares, endpoints, repeats, counters and events with the other programs.
 */
#include <linux/bpf.h>
#include <linux/time.h>
#include <bpf/bpf_helpers.h>

#include "flow/expire.h"
#include "stages/farewell.h"
#include "stages/orphan.h"
#include "stages/untold.h"

/* One turn; how many turns go through the whole tables: half a second, so that repeats of a denial are reported within one. */
const volatile __u64 sweep_period_ns = 32000000;
const volatile __u32 sweep_turns = 16;

struct sweeper {
	struct bpf_timer timer;
	__u64 turns; /* since the start: which part is next */
	__u64 expired;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sweeper);
} sweepers SEC(".maps");

struct sweep {
	__u32 first; /* bucket */
	__u32 expired;
};

enum {
	SWEEP_BUCKET_MOST = FLOW_WAYS * 2, /* as others may fill it meanwhile */
};

/* The youngest of all pods' epochs when the last pass through the tables began, and whether there was a younger one than before: entries lose their pods with one only, and the look for those doubles a pass. */
static __u32 sought_at;
static bool seeks_orphans;

static long note_epoch(__u32 slot, void *context)
{
	const struct endpoint *endpoint = endpoint_of_slot(slot);
	__u32 *youngest = context;

	if (endpoint && FLOW_LOAD(endpoint->epoch) > *youngest)
		*youngest = FLOW_LOAD(endpoint->epoch);
	return 0;
}

static __always_inline void begin_pass(void)
{
	__u32 youngest = 0;

	bpf_loop(ENDPOINTS, note_epoch, &youngest, 0);
	seeks_orphans = youngest != sought_at;
	sought_at = youngest;
}

__noinline __u32 evict_orphan4(__u32 bucket, __u32 way)
{
	struct flow_ended4 ended = { 0 };
	__u32 version = flow_peek(bucket, way, &ended.entry, FLOW_WORDS4);

	if (!version || !is_orphan4(&ended) || flow_evict4(bucket, way, version, &ended) == FLOW_NOTHING_EXPIRED)
		return 0;
	report_ended4(&ended);
	return 1;
}

__noinline __u32 evict_orphan6(__u32 bucket, __u32 way)
{
	struct flow_ended6 ended = { 0 };
	__u32 version = flow_peek(bucket, way, &ended.entry, FLOW_WORDS6);

	if (!version || !is_orphan6(&ended) || flow_evict6(bucket, way, version, &ended) == FLOW_NOTHING_EXPIRED)
		return 0;
	report_ended6(&ended);
	return 1;
}

static long sweep_bucket4(__u32 index, void *context)
{
	struct sweep *sweep = context;
	struct flow_ended4 ended;

	for (__u32 way = 0; way < FLOW_WAYS && seeks_orphans; way++)
		sweep->expired += evict_orphan4(sweep->first + index, way);
	for (int i = 0; i < SWEEP_BUCKET_MOST; i++) {
		__builtin_memset(&ended, 0, sizeof(ended));
		if (flow_expire4(sweep->first + index, &ended) == FLOW_NOTHING_EXPIRED)
			break;
		report_ended4(&ended);
		sweep->expired++;
	}
	return 0;
}

static long sweep_bucket6(__u32 index, void *context)
{
	struct sweep *sweep = context;
	struct flow_ended6 ended;

	for (__u32 way = 0; way < FLOW_WAYS && seeks_orphans; way++)
		sweep->expired += evict_orphan6(sweep->first + index, way);
	for (int i = 0; i < SWEEP_BUCKET_MOST; i++) {
		__builtin_memset(&ended, 0, sizeof(ended));
		if (flow_expire6(sweep->first + index, &ended) == FLOW_NOTHING_EXPIRED)
			break;
		report_ended6(&ended);
		sweep->expired++;
	}
	return 0;
}

static long sweep_repeats(__u32 index, void *context)
{
	const struct sweep *sweep = context;

	tell_repeats(sweep->first + index);
	return 0;
}

/* The turn's part of the tables; at least one bucket a turn, the last part may reach beyond the end. */
static __always_inline void sweep_part(struct sweeper *sweeper)
{
	__u32 turn = sweeper->turns++ % sweep_turns;
	__u32 buckets4 = (flow_mask4 + sweep_turns) / sweep_turns, buckets6 = (flow_mask6 + sweep_turns) / sweep_turns;
	__u32 places = (REPEATS_SETS * REPEATS_WAYS + sweep_turns - 1) / sweep_turns;
	struct sweep sweep = { .first = turn * buckets4 };

	if (turn == 0)
		begin_pass();
	bpf_loop(buckets4, sweep_bucket4, &sweep, 0);
	sweep.first = turn * buckets6;
	bpf_loop(buckets6, sweep_bucket6, &sweep, 0);
	sweep.first = turn * places;
	bpf_loop(places, sweep_repeats, &sweep, 0);
	sweeper->expired += sweep.expired;
}

static int sweep_turn(void *map, __u32 *key, struct sweeper *sweeper)
{
	(void)map;
	(void)key;
	sweep_part(sweeper);
	bpf_timer_start(&sweeper->timer, sweep_period_ns, 0);
	return 0;
}

/* Run once by the agent at its start: starts the timer, or gives a running one this program's code. 0, or the kernel's error. */
SEC("tc")
int sweep_start(struct __sk_buff *skb)
{
	__u32 index = 0;
	struct sweeper *sweeper = bpf_map_lookup_elem(&sweepers, &index);
	int error;

	(void)skb;
	if (!sweeper)
		return -1;
	bpf_timer_init(&sweeper->timer, &sweepers, CLOCK_MONOTONIC); /* refused if it is there already */
	error = bpf_timer_set_callback(&sweeper->timer, sweep_turn);
	return error ? error : bpf_timer_start(&sweeper->timer, 0, 0);
}

/* One turn by hand; returns how many turns there have been. */
SEC("tc")
int sweep_now(struct __sk_buff *skb)
{
	__u32 index = 0;
	struct sweeper *sweeper = bpf_map_lookup_elem(&sweepers, &index);

	(void)skb;
	if (!sweeper)
		return -1;
	sweep_part(sweeper);
	return sweeper->turns;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
