/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* MAC addresses in few loads and stores; clang would take one for each byte. */
#pragma once

#include <linux/if_ether.h>
#include <linux/types.h>
#include <stdbool.h>

#include "../types/endpoint.h"
#include "../types/node.h"

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	__u32 head = *(const __u32 *)a ^ *(const __u32 *)b;
	__u32 tail = *(const __u16 *)(a + 4) ^ *(const __u16 *)(b + 4);

	return (head | tail) == 0;
}

_Static_assert(__builtin_offsetof(struct endpoint, node_mac) == __builtin_offsetof(struct endpoint, mac) + ETH_ALEN, "an endpoint's MACs lie as they do in a frame to it");

_Static_assert(__builtin_offsetof(struct node, own_mac) == __builtin_offsetof(struct node, mac) + ETH_ALEN, "and so do a node's");

/* Addresses a frame. `to`: the receiver's MAC, the sender's right behind it, as struct endpoint (from its gateway) and struct node have them. */
static __always_inline void address_frame(void *frame, const __u8 *to)
{
	const __u32 *macs = (const __u32 *)to;
	__u32 *words = frame;

	words[0] = macs[0];
	words[1] = macs[1];
	words[2] = macs[2];
}
