/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Everything that user space shares with the programs. */
#pragma once

#include "config.h"
#include "counter.h"
#include "endpoint.h"
#include "event.h"
#include "flow.h"
#include "node.h"
#include "peer.h"
#include "policy.h"
#include "reason.h"
#include "repeats.h"
#include "service.h"
