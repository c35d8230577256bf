// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the tests of this library load: one map of each kind they handle, and programs small enough to predict.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct guarded {
	struct bpf_spin_lock lock;
	__u32 left;
	__u32 right;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct guarded);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

const volatile __u32 answer = 1;
const volatile __u32 records = 1;
__u64 packets = 0;

/* Counts, and returns the constant set before loading. */
SEC("tc")
int count_and_answer(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *run = bpf_map_lookup_elem(&runs, &zero);

	if (run)
		*run += 1;
	__sync_fetch_and_add(&packets, 1);
	return answer;
}

/* Writes the packet's first byte and the mark. */
SEC("tc")
int rewrite(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data;

	if ((void *)(data + 1) > (void *)(long)skb->data_end)
		return -1;
	data[0] = 0xab;
	skb->mark += 1;
	return 7;
}

/* Sends as many records as set before loading: numbered, each of 12 bytes. */
SEC("tc")
int send_records(struct __sk_buff *skb)
{
	for (__u32 i = 0; i < records; i++) {
		__u32 record[3] = { i, i * i, 0xfeedbeef };

		if (bpf_ringbuf_output(&events, record, sizeof(record), 0))
			return 1;
	}
	return 0;
}

/* Sends one record of 4096 bytes. */
SEC("tc")
int send_large_record(struct __sk_buff *skb)
{
	__u8 *record = bpf_ringbuf_reserve(&events, 4096, 0);

	if (!record)
		return 1;
	record[0] = 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Writes pairs whose halves are equal, under their lock, as often as told. */
SEC("tc")
int write_pairs(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct guarded *pair = bpf_map_lookup_elem(&pairs, &zero);

	if (!pair)
		return 1;
	for (__u32 i = 0; i < 1000; i++) {
		bpf_spin_lock(&pair->lock);
		pair->left++;
		pair->right++;
		bpf_spin_unlock(&pair->lock);
	}
	return 0;
}

static int idle(__u32 index, void *context)
{
	bpf_ktime_get_ns();
	return 0;
}

/* One run of a third of a second: says in `numbers` when it has begun (1) and that it ends (2). */
SEC("tc")
int linger(struct __sk_buff *skb)
{
	__u32 begun = 1, ended = 2;
	__u64 yes = 1;

	bpf_map_update_elem(&numbers, &begun, &yes, BPF_ANY);
	bpf_loop(1 << 23, idle, NULL, 0);
	bpf_map_update_elem(&numbers, &ended, &yes, BPF_ANY);
	return 0;
}

SEC("syscall")
int double_first(__u32 *context)
{
	context[0] *= 2;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
