// Generated from bpf/include/types/reason.h by tools/codec-gen: change the header, then "npm run generate".

/** `enum drop_reason`. */
export const dropReason = {
  REASON_NONE: 0,
  REASON_SOURCE_MAC: 130,
  REASON_SOURCE_IP: 132,
  REASON_POLICY_DENIED: 133,
  REASON_INVALID_PACKET: 134,
  REASON_TRUNCATED_HEADER: 135,
  REASON_UNKNOWN_L4: 137,
  REASON_UNSUPPORTED_L3: 139,
  REASON_MISSED_TAIL_CALL: 140,
  REASON_UNKNOWN_TARGET: 150,
  REASON_STALE: 151,
  REASON_CONNTRACK_INSERT: 155,
  REASON_IPV6_EXTENSION: 156,
  REASON_FRAGMENT: 157,
  REASON_NO_BACKEND: 158,
  REASON_NO_TUNNEL: 160,
  REASON_FIB: 169,
  REASON_INVALID_IDENTITY: 171,
  REASON_UNKNOWN_SENDER: 172,
  REASON_IS_CLUSTER_IP: 174,
  REASON_FORBIDDEN_ICMPV6: 176,
  REASON_NO_PROXY: 180,
  REASON_DENY_RULE: 181,
  REASON_INVALID_VNI: 183,
  REASON_TTL: 196,
  REASON_ENDPOINT_NOT_READY: 203,
} as const;
export type DropReason = (typeof dropReason)[keyof typeof dropReason];
/** Names by value. */
export const dropReasonNames: Readonly<Record<number, keyof typeof dropReason>> = {
  0: 'REASON_NONE',
  130: 'REASON_SOURCE_MAC',
  132: 'REASON_SOURCE_IP',
  133: 'REASON_POLICY_DENIED',
  134: 'REASON_INVALID_PACKET',
  135: 'REASON_TRUNCATED_HEADER',
  137: 'REASON_UNKNOWN_L4',
  139: 'REASON_UNSUPPORTED_L3',
  140: 'REASON_MISSED_TAIL_CALL',
  150: 'REASON_UNKNOWN_TARGET',
  151: 'REASON_STALE',
  155: 'REASON_CONNTRACK_INSERT',
  156: 'REASON_IPV6_EXTENSION',
  157: 'REASON_FRAGMENT',
  158: 'REASON_NO_BACKEND',
  160: 'REASON_NO_TUNNEL',
  169: 'REASON_FIB',
  171: 'REASON_INVALID_IDENTITY',
  172: 'REASON_UNKNOWN_SENDER',
  174: 'REASON_IS_CLUSTER_IP',
  176: 'REASON_FORBIDDEN_ICMPV6',
  180: 'REASON_NO_PROXY',
  181: 'REASON_DENY_RULE',
  183: 'REASON_INVALID_VNI',
  196: 'REASON_TTL',
  203: 'REASON_ENDPOINT_NOT_READY',
};

/** `enum verdict`. What became of a packet or flow; numbers as flow.Verdict. */
export const verdict = {
  VERDICT_NONE: 0,
  VERDICT_FORWARDED: 1,
  VERDICT_DROPPED: 2,
  VERDICT_AUDIT: 4,
} as const;
export type Verdict = (typeof verdict)[keyof typeof verdict];
/** Names by value. */
export const verdictNames: Readonly<Record<number, keyof typeof verdict>> = {
  0: 'VERDICT_NONE',
  1: 'VERDICT_FORWARDED',
  2: 'VERDICT_DROPPED',
  4: 'VERDICT_AUDIT',
};

/** `enum direction`. As flow.TrafficDirection. */
export const direction = {
  DIRECTION_NONE: 0,
  DIRECTION_INGRESS: 1,
  DIRECTION_EGRESS: 2,
} as const;
export type Direction = (typeof direction)[keyof typeof direction];
/** Names by value. */
export const directionNames: Readonly<Record<number, keyof typeof direction>> = {
  0: 'DIRECTION_NONE',
  1: 'DIRECTION_INGRESS',
  2: 'DIRECTION_EGRESS',
};
