/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The next hop that pods are given: addresses of no machine, the same for every pod. Set before loading. */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_endian.h>

const volatile __be32 gateway_ipv4 = bpf_htonl(0xa9fe0101); /* 169.254.1.1 */
const volatile __u8 gateway_ipv6[16] = { 0xfe, 0x80, [15] = 1 }; /* fe80::1 */
