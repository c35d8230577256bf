import { ethernetLength, etherTypes, frame } from './frame.ts';
import { type Ipv4, ipv4, ipv6, protocols } from './ip.ts';
import { icmp, tcp, tcpFlags, udp } from './transport.ts';

/** 4 or 6. */
export type Family = 4 | 6;

export const families: readonly Family[] = [4, 6];

/** Somebody with an address of each family. */
export interface Speaker {
  readonly ipv4: string;
  readonly ipv6: string;
  /** Of the frames it sends and gets; somebody behind the node's stack has the node's. */
  readonly mac?: string;
  readonly nodeMac?: string;
}

/** What of an IP header a test may want otherwise. */
export type IpOptions = Partial<Pick<Ipv4, 'hops' | 'length' | 'version' | 'words' | 'fragment' | 'options' | 'source' | 'destination'>> & {
  readonly sourceMac?: string;
};

const somewhere = '02:00:00:00:00:01';

/** Ports that a test needn't think about. */
export const clientPort = 40000;
export const serverPort = 80;

/** Packets of one family from one speaker to another, as they pass the node side of a pod's veth pair. */
export class Talk {
  readonly family: Family;
  readonly from: Speaker;
  readonly to: Speaker;
  readonly options: IpOptions;

  constructor(family: Family, from: Speaker, to: Speaker, options: IpOptions = {}) {
    this.family = family;
    this.from = from;
    this.to = to;
    this.options = options;
  }

  /** The other direction. */
  get back(): Talk {
    return new Talk(this.family, this.to, this.from);
  }

  /** The same with other headers. */
  with(options: IpOptions): Talk {
    return new Talk(this.family, this.from, this.to, { ...this.options, ...options });
  }

  /** A frame with this transport part. `protocol` may be an extension header's number. */
  packet(protocol: number, payload: Uint8Array): Buffer {
    const { from, to, options } = this;
    const v4 = this.family === 4;
    const ip = { source: v4 ? from.ipv4 : from.ipv6, destination: v4 ? to.ipv4 : to.ipv6, ...options, protocol };
    const type = v4 ? etherTypes.ipv4 : etherTypes.ipv6;
    const macs = { sourceMac: options.sourceMac ?? from.mac ?? somewhere, destinationMac: from.nodeMac ?? to.mac ?? somewhere };
    return frame({ ...macs, type }, v4 ? ipv4(ip, payload) : ipv6(ip, payload));
  }

  tcp(flags: number, sourcePort = clientPort, destinationPort = serverPort): Buffer {
    return this.packet(protocols.tcp, tcp({ sourcePort, destinationPort, flags }));
  }

  /** The first packet of a connection. */
  syn(sourcePort = clientPort, destinationPort = serverPort): Buffer {
    return this.tcp(tcpFlags.syn, sourcePort, destinationPort);
  }

  synAck(sourcePort = serverPort, destinationPort = clientPort): Buffer {
    return this.tcp(tcpFlags.syn | tcpFlags.ack, sourcePort, destinationPort);
  }

  ack(sourcePort = clientPort, destinationPort = serverPort): Buffer {
    return this.tcp(tcpFlags.ack, sourcePort, destinationPort);
  }

  udp(sourcePort = clientPort, destinationPort = serverPort): Buffer {
    return this.packet(protocols.udp, udp({ sourcePort, destinationPort }));
  }

  echo(id = 7): Buffer {
    return this.icmp(this.family === 4 ? 8 : 128, 0, Buffer.from('ping'), id);
  }

  echoReply(id = 7): Buffer {
    return this.icmp(this.family === 4 ? 0 : 129, 0, Buffer.from('ping'), id);
  }

  icmp(type: number, code = 0, payload: Uint8Array = new Uint8Array(0), id = 0): Buffer {
    return this.packet(this.family === 4 ? protocols.icmp : protocols.icmpv6, icmp(type, code, payload, id));
  }

  /** "Port unreachable" about a frame. */
  unreachable(about: Buffer): Buffer {
    const quoted = about.subarray(ethernetLength, ethernetLength + (this.family === 4 ? 28 : 48));
    return this.family === 4 ? this.icmp(3, 3, quoted) : this.icmp(1, 4, quoted);
  }
}
