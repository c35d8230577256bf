import type { Layer4, TCPFlags } from '@myelin/contracts/flow';
import type { PacketEvent } from './packet-event.ts';

/** IPPROTO_* numbers that a flow can name. */
export const protocolNumbers = Object.freeze({ ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132 } as const);

/** Flag names by bit of the TCP header's flag byte, lowest first. NS lies outside that byte and isn't recorded. */
const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;

function setFlags(bits: number): readonly (typeof flagNames)[number][] {
  return flagNames.filter((_, bit) => (bits & (1 << bit)) !== 0);
}

/** The transport part of a flow; undefined for protocols that the flow API has no message for. */
export function layer4(event: PacketEvent): Layer4 | undefined {
  const ports = { sourcePort: event.source.port, destinationPort: event.destination.port };
  switch (event.protocol) {
    case protocolNumbers.TCP: {
      const none: TCPFlags = { FIN: false, SYN: false, RST: false, PSH: false, ACK: false, URG: false, ECE: false, CWR: false, NS: false };
      const flags = { ...none, ...Object.fromEntries(setFlags(event.tcpFlags).map((name) => [name, true])) };
      return { protocol: { $case: 'TCP', value: { ...ports, flags } } };
    }
    case protocolNumbers.UDP:
      return { protocol: { $case: 'UDP', value: ports } };
    case protocolNumbers.SCTP:
      return { protocol: { $case: 'SCTP', value: ports } };
    case protocolNumbers.ICMP:
      return { protocol: { $case: 'ICMPv4', value: event.icmp ?? { type: 0, code: 0 } } };
    case protocolNumbers.ICMPv6:
      return { protocol: { $case: 'ICMPv6', value: event.icmp ?? { type: 0, code: 0 } } };
    default:
      return undefined;
  }
}

/** Names of the ICMP messages that travel between workloads, as upstream's summaries have them; others go by number. */
const icmpNames: Readonly<Record<number, string>> = {
  0: 'EchoReply',
  3: 'DestinationUnreachable',
  5: 'Redirect',
  8: 'EchoRequest',
  11: 'TimeExceeded',
};
const icmpv6Names: Readonly<Record<number, string>> = {
  1: 'DestinationUnreachable',
  2: 'PacketTooBig',
  3: 'TimeExceeded',
  128: 'EchoRequest',
  129: 'EchoReply',
  135: 'NeighborSolicitation',
  136: 'NeighborAdvertisement',
};

function icmpSummary(label: string, names: Readonly<Record<number, string>>, icmp: PacketEvent['icmp']): string {
  if (icmp === null) return label;
  const { type, code } = icmp;
  const name = names[type] ?? String(type);
  return code === 0 ? `${label} ${name}` : `${label} ${name}(${code})`;
}

/** One line about the packet, as upstream writes it: `TCP Flags: SYN`, `UDP`, `ICMPv4 EchoRequest`. */
export function summary(event: PacketEvent): string {
  if (event.family === 0) return 'Ethernet';
  switch (event.protocol) {
    case protocolNumbers.TCP:
      return event.tcpFlags === 0 ? 'TCP' : `TCP Flags: ${setFlags(event.tcpFlags).join(', ')}`;
    case protocolNumbers.UDP:
      return 'UDP';
    case protocolNumbers.SCTP:
      return 'SCTP';
    case protocolNumbers.ICMP:
      return icmpSummary('ICMPv4', icmpNames, event.icmp);
    case protocolNumbers.ICMPv6:
      return icmpSummary('ICMPv6', icmpv6Names, event.icmp);
    default:
      return `IP protocol ${event.protocol}`;
  }
}
