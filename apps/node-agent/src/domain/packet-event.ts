import { fromBytes } from '@myelin/address';
import { direction, type Event, eventReply, eventType, zone } from '@myelin/datapath-layout';
import { type PacketEnd, type PacketEvent, protocolNumbers } from '@myelin/flow-api';

const kinds: Readonly<Record<number, PacketEvent['kind']>> = {
  [eventType.EVENT_VERDICT]: 'verdict',
  [eventType.EVENT_DROP]: 'drop',
  [eventType.EVENT_CLOSE]: 'close',
};
const directions: Readonly<Record<number, PacketEvent['direction']>> = {
  [direction.DIRECTION_INGRESS]: 'ingress',
  [direction.DIRECTION_EGRESS]: 'egress',
};
const icmpProtocols: ReadonlySet<number> = new Set([protocolNumbers.ICMP, protocolNumbers.ICMPv6]);

const macText = (bytes: Uint8Array) =>
  bytes.every((byte) => byte === 0)
    ? ''
    : Buffer.from(bytes)
        .toString('hex')
        .replace(/(..)(?!$)/g, '$1:');
const slotOf = (number: number) => (number < zone.ZONE_NODE ? number : 0);

/** What a record of the ring buffer says, in the words of the flow API. `bootTime`: nanoseconds from 1970 to the kernel's CLOCK_BOOTTIME 0. Null: a kind of another version. */
export function packetEventOf(event: Event, bootTime: bigint): PacketEvent | null {
  const kind = kinds[event.type];
  if (kind === undefined) return null;
  const isIcmp = icmpProtocols.has(event.protocol);
  // Records of whole flows come from no packet at an interface, and their ports are the flow table's key: an identifier, for ICMP.
  const isOfPacket = event.ifindex !== 0;
  const end = (side: 'source' | 'destination'): PacketEnd => ({
    address: fromBytes(event[side]),
    port: isIcmp ? 0 : event[`${side}Port`],
    identity: event[`${side}Identity`],
    slot: slotOf(event[`${side}Zone`]),
    mac: macText(event[`${side}Mac`]),
  });
  return {
    kind,
    time: bootTime + event.timeNs,
    verdict: event.verdict,
    reason: event.reason,
    direction: directions[event.direction] ?? null,
    family: event.family === 4 || event.family === 6 ? event.family : 0,
    protocol: event.protocol,
    tcpFlags: event.tcpFlags,
    icmp: isIcmp && isOfPacket ? { type: event.sourcePort, code: event.destinationPort } : null,
    source: end('source'),
    destination: end('destination'),
    egressOrigin: event.egressOrigin,
    ingressOrigin: event.ingressOrigin,
    isReply: event.reply === eventReply.EVENT_REPLY_UNKNOWN ? null : event.reply === eventReply.EVENT_REPLY_YES,
    interfaceIndex: event.ifindex,
    length: event.length,
    repeats: event.repeats,
    packets: event.packets,
    bytes: event.bytes,
  };
}
