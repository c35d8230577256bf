/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Storing that packets of a key drop, so that the next one needs no decision. */
#pragma once

#include "open.h"

/* An open reply's entry of a flow that may not go on any longer drops too. */
static __always_inline void flow_deny_reply(struct flow_visit *visit, flow_word *reverse, struct flow_ended *ended, const int words)
{
	__u32 mask = flow_mask(words);

	if (flow_visit_at(flow_home(visit->hash, mask), FLOW_UPDATE, visit, reverse, ended, words) == FLOW_ABSENT && visit->guests)
		flow_visit_at(flow_second(visit->hash, mask), FLOW_UPDATE, visit, reverse, ended, words);
}

static __always_inline int flow_deny(flow_word *original, struct flow_decision *decision, struct flow_ended *ended, struct flow_ended *reply_ended, const int words)
{
	struct flow_work *work = flow_work();
	int outcome;

	if (!work)
		return FLOW_REFUSED;
	flow_prepare_original(&work->original, decision, original, words);
	work->original.action.class = FLOW_NEGATIVE;
	work->original.action.rewrite = flow_denial(decision->reason, decision->rewrite);
	work->original.action.origin = decision->flags & FLOW_AT_INGRESS ? decision->ingress_origin : decision->egress_origin;
	/* The caller reports the packet in hand; what a negative entry counts are repeats that nobody has reported. */
	work->original.packet = 0;
	flow_prepare_reply(work, decision, original, words);
	work->reply.action.rewrite = decision->reason;
	work->reply.packet = 0;
	reply_ended->action.class = FLOW_EMPTY;
	outcome = flow_put(&work->original, original, ended, words);
	/* A rewritten flow's reply goes on knowing what its packets become, should the flow be let through again; it is as old as the original's last entry, so each is decided anew. */
	if (!decision->rewrite)
		flow_deny_reply(&work->reply, work->reverse, reply_ended, words);
	return outcome == FLOW_UPDATED || flow_is_fresh(outcome) ? FLOW_STORED : FLOW_REFUSED;
}

__noinline int flow_deny4(struct flow_key4 *original, struct flow_decision *decision, struct flow_ends4 *ends)
{
	if (!original || !decision || !ends)
		return FLOW_REFUSED;
	return flow_deny((flow_word *)original, decision, &ends->original.entry, &ends->reply.entry, FLOW_WORDS4);
}

__noinline int flow_deny6(struct flow_key6 *original, struct flow_decision *decision, struct flow_ends6 *ends)
{
	if (!original || !decision || !ends)
		return FLOW_REFUSED;
	return flow_deny((flow_word *)original, decision, &ends->original.entry, &ends->reply.entry, FLOW_WORDS6);
}
