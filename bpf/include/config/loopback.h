/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a pod that is its own service's backend seems to be spoken to from: of its own address it would not answer to the node. Addresses of no machine, the same for every pod. IPv4 as Cilium has it; IPv6 out of the
 * discard-only prefix (RFC 6666), for to a link-local address a pod might answer from another one of its own. Set before loading, the same in every object of one table.
 */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_endian.h>

const volatile __be32 loopback_ipv4 = bpf_htonl(0xa9fe2a01); /* 169.254.42.1 */
const volatile __u64 loopback_ipv6[2] = { bpf_cpu_to_be64(0x0100000000000000), bpf_cpu_to_be64(0x2a01) }; /* 100::2a01 */
