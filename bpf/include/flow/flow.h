/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The flow table: what programs call. Layout and invariants: README.md here. Every function exists for IPv4 (…4) and IPv6 (…6).
 *
 *	flow_key4_set(&key, addresses in the packet, ports in the packet, zone, protocol);
 *	if (!flow_find4(&key, &found) || !flow_is_current(&found.action, epochs of both ends))
 *		slow path;
 *	signal = flow_signal(&found.action, tcp_flags);
 *	if (signal == FLOW_REOPENS)
 *		slow path;
 *	if (signal == FLOW_FOLLOW)
 *		flow_follow4(&key, tcp_flags);
 *	flow_account(&found, bytes);
 *	act on found.action
 *
 * Slow path: decision.decided = flow_sample(&node_state->clock) before anything else is read; decide; then flow_open4(&original, &decision, &ends) or flow_deny4(…). A stale entry with
 * FLOW_REPLY is never decided by itself (design D3): flow_reverse4(&key, found.action.target, &original) gives the original direction's key, which is decided anew; `decision.reply` = 1.
 * Memory that is passed to flow_open, flow_deny and flow_follow is initialised, all of it (the verifier asks for it).
 */
#pragma once

#include "account.h"
#include "deny.h"
#include "find.h"
#include "follow.h"
#include "open.h"
