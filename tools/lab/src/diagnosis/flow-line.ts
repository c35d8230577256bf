import { type Flow, Verdict } from '@myelin/contracts/flow';
import { describeDenial } from '../demo/flow-text.ts';

const verdictNames = new Map<number, string>(Object.entries(Verdict).map(([name, number]) => [number, name]));

/** Ports of a flow, source first; none where its protocol has none. */
export function portsOf({ l4 }: Flow): readonly number[] {
  const part = l4?.protocol;
  return part?.$case === 'TCP' || part?.$case === 'UDP' ? [part.value.sourcePort, part.value.destinationPort] : [];
}

/** A flow's record in one line: time, verdict, addresses with identities, protocol, and the reason of a drop. */
export function flowLine(flow: Flow): string {
  const { IP: ip, source, destination, l4, time } = flow;
  const at = time === undefined ? '' : `${new Date(Number(time.seconds) * 1000 + time.nanos / 1e6).toISOString().slice(11, 23)} `;
  const [from, to] = portsOf(flow).map((port) => `:${port}`);
  const ends = `${ip?.source}${from ?? ''} [${source?.identity ?? '?'}] → ${ip?.destination}${to ?? ''} [${destination?.identity ?? '?'}]`;
  const why = flow.verdict === Verdict.DROPPED ? `, ${describeDenial(flow)}` : '';
  return `${at}${verdictNames.get(flow.verdict) ?? flow.verdict} ${ends} ${l4?.protocol?.$case ?? ''}${why}`;
}
