// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The flow table's functions one by one, for flow-table.priv.spec.ts: each run does what the map `commands` says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow/expire.h"
#include "flow/flow.h"

enum command_kind {
	COMMAND_FIND = 0,
	COMMAND_PASS = 1, /* a packet's way: find, signal, follow, account */
	COMMAND_OPEN = 2,
	COMMAND_DENY = 3,
	COMMAND_EXPIRE = 4, /* one thing in bucket `index` */
	COMMAND_AGE = 5, /* the entry was last seen `number` ticks earlier */
	COMMAND_PLACES = 6, /* home and second bucket, preferred way and tag of the key */
	COMMAND_COUNT = 7, /* adds `number` to the entry's counter */
	COMMAND_TAKE = 8,
	COMMAND_CURRENT = 9, /* is the entry current, with these epochs? */
};

/* In and out. An IPv4 key is the first 16 bytes of `key`. */
struct command {
	struct flow_key6 key;
	struct flow_decision decision;
	__u64 number;
	__u32 kind;
	__u32 family;
	__u32 index;
	__u32 tcp_flags;
	__u32 bytes;
	__u32 epochs[4];
	/* Out. */
	__s32 result; /* find, pass: found; open, deny: enum flow_stored; expire: enum flow_expired; current: yes */
	__u32 signal;
	__u32 accounted;
	struct flow_action action;
	__u64 counter;
	__u32 places[4];
	struct flow_ends4 ends4;
	struct flow_ends6 ends6;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct command);
} commands SEC(".maps");

static __always_inline struct command *command_in_hand(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&commands, &index);
}

static __always_inline bool find(struct command *command, struct flow_found *found)
{
	bool there;

	if (command->family == 4)
		there = flow_find4((struct flow_key4 *)&command->key, found);
	else
		there = flow_find6(&command->key, found);
	if (there) {
		command->action = found->action;
		command->counter = FLOW_LOAD(found->state->counter);
	}
	return there;
}

static __always_inline void pass(struct command *command, struct flow_found *found)
{
	command->signal = flow_signal(&found->action, command->tcp_flags);
	if (command->signal == FLOW_REOPENS)
		return;
	if (command->signal == FLOW_FOLLOW && command->family == 4)
		flow_follow4((struct flow_key4 *)&command->key, command->tcp_flags);
	else if (command->signal == FLOW_FOLLOW)
		flow_follow6(&command->key, command->tcp_flags);
	command->accounted = flow_account(found, command->bytes);
}

SEC("tc")
int of_entry(struct __sk_buff *skb)
{
	struct command *command = command_in_hand();
	struct flow_found found;

	if (!command || skb->len == 0)
		return -1;
	command->result = find(command, &found);
	if (!command->result)
		return 0;
	if (command->kind == COMMAND_PASS)
		pass(command, &found);
	if (command->kind == COMMAND_AGE)
		FLOW_STORE(found.state->last_seen, found.last_seen - (__u32)command->number);
	if (command->kind == COMMAND_COUNT)
		__sync_fetch_and_add(&found.state->counter, command->number);
	if (command->kind == COMMAND_TAKE)
		command->counter = flow_take(&found);
	if (command->kind == COMMAND_CURRENT)
		command->result = flow_is_current(&found.action, command->epochs[0], command->epochs[1], command->epochs[2], command->epochs[3]);
	return 0;
}

static __always_inline void note_places(struct command *command, const int words)
{
	__u64 hash = flow_hash((const flow_word *)&command->key, words);

	command->places[0] = flow_home(hash, flow_mask(words));
	command->places[1] = flow_second(hash, flow_mask(words));
	command->places[2] = flow_preferred_way(hash);
	command->places[3] = flow_tag(hash);
}

SEC("tc")
int of_table(struct __sk_buff *skb)
{
	struct command *command = command_in_hand();
	struct flow_key4 *key4;

	if (!command || skb->len == 0)
		return -1;
	key4 = (struct flow_key4 *)&command->key;
	if (command->kind == COMMAND_OPEN)
		command->result = command->family == 4 ? flow_open4(key4, &command->decision, &command->ends4) : flow_open6(&command->key, &command->decision, &command->ends6);
	if (command->kind == COMMAND_DENY)
		command->result = command->family == 4 ? flow_deny4(key4, &command->decision, &command->ends4) : flow_deny6(&command->key, &command->decision, &command->ends6);
	if (command->kind == COMMAND_EXPIRE)
		command->result = command->family == 4 ? flow_expire4(command->index, &command->ends4.original) : flow_expire6(command->index, &command->ends6.original);
	if (command->kind == COMMAND_PLACES && command->family == 4)
		note_places(command, FLOW_WORDS4);
	else if (command->kind == COMMAND_PLACES)
		note_places(command, FLOW_WORDS6);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
