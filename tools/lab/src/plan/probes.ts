import { parseAddress } from '@myelin/address';
import { z } from 'zod';

/** A probe as its author writes it. */
const probeSchema = z.strictObject({
  from: z.string(),
  to: z.string(),
  port: z.number().int().min(0).max(65535).optional(),
  protocol: z.enum(['TCP', 'UDP', 'ICMP']),
  family: z.union([z.literal(4), z.literal(6)]).optional(),
});
export type ProbeRequest = z.output<typeof probeSchema>;

/** An exchange that goes on: a probe again and again. `expect`: whether its questions are to be answered, all of them or none. */
const exchangeSchema = probeSchema.extend({ expect: z.enum(['reply', 'none']).default('reply') });
export type ExchangeRequest = z.output<typeof exchangeSchema>;

/** Why no reply came. `refused`: nobody listens, or the connection was reset; `unreachable`: no route or address, or an ICMP error that says so. */
export type ProbeError = 'timeout' | 'refused' | 'unreachable' | 'unsupported';

/** What became of a probe. */
export interface ProbeOutcome {
  /** A reply came. */
  readonly ok: boolean;
  /** What the server said. */
  readonly reply: string | null;
  readonly error: ProbeError | null;
  readonly ms: number;
}

/** What a workload process is asked to send; see workload/control.h. */
export interface ProbeJob {
  readonly protocol: ProbeRequest['protocol'];
  readonly address: string;
  readonly port: number;
}

/** A probe made ready: sent from a place, or answered without sending anything. */
export type PlannedProbe = { readonly from: string; readonly job: ProbeJob } | { readonly error: ProbeError };

/** Addresses by place, `ns/pod`, `node:n` and `outside`, and ClusterIPs by Service: `svc:ns/name`. */
export type PlaceAddresses = ReadonlyMap<string, readonly string[]>;

/** What is wrong with a list of probes, a line each with its JSON path. */
export class ProbeInputError extends Error {}

/** Reads a list of probes. Throws ProbeInputError that names everything wrong with it. */
export const readProbes = (text: string): readonly ProbeRequest[] => readList(text, probeSchema);

/** The same for exchanges. */
export const readExchanges = (text: string): readonly ExchangeRequest[] => readList(text, exchangeSchema);

function readList<T extends z.ZodType>(text: string, schema: T): readonly z.output<T>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProbeInputError(`the probes are no JSON: ${(error as Error).message}`);
  }
  const result = z.array(schema).safeParse(value);
  if (result.success) return result.data;
  const path = (steps: readonly PropertyKey[]) =>
    steps.reduce<string>((all, step) => `${all}${typeof step === 'number' ? `[${step}]` : `.${String(step)}`}`, '$');
  throw new ProbeInputError(result.error.issues.map((issue) => `${path(issue.path)}: ${issue.message}`).join('\n'));
}

/** Looks up who is meant. Throws ProbeInputError for places that don't exist. */
export function planProbes(probes: readonly ProbeRequest[], places: PlaceAddresses): readonly PlannedProbe[] {
  const problems: string[] = [];
  const planned = probes.map((probe, index): PlannedProbe => {
    if (!places.has(probe.from))
      problems.push(`$[${index}].from: there is no ${JSON.stringify(probe.from)}; expected ns/pod, node:name or outside`);
    const target = targetOf(probe, places);
    if (target === null)
      problems.push(
        `$[${index}].to: there is no ${JSON.stringify(probe.to)}; expected ns/pod, node:name, outside, ip:address or svc:ns/name`,
      );
    if (probe.protocol !== 'ICMP' && !probe.port) problems.push(`$[${index}].port: missing; expected 1–65535`);
    return target === null || 'error' in target
      ? { error: 'unsupported', ...target }
      : { from: probe.from, job: { ...target, protocol: probe.protocol, port: probe.port ?? 0 } };
  });
  if (problems.length > 0) throw new ProbeInputError(problems.join('\n'));
  return planned;
}

function targetOf({ to, family }: ProbeRequest, places: PlaceAddresses): { address: string } | { error: ProbeError } | null {
  const addresses = to.startsWith('ip:') ? [to.slice(3)] : places.get(to);
  // A Service that has no address, or isn't there: nothing that a packet could be sent to.
  if (to.startsWith('svc:') && (addresses ?? []).length === 0) return { error: 'unsupported' };
  if (addresses === undefined) return null;
  const parsed = addresses.map(parseAddress);
  if (parsed.includes(null)) return null;
  // IPv4 unless IPv6 is asked for or all there is.
  const wanted = family ?? (parsed.some((address) => address!.family === 4) ? 4 : 6);
  const at = parsed.findIndex((address) => address!.family === wanted);
  return at < 0 ? { error: 'unreachable' } : { address: addresses[at]! };
}

/** Positions of the probes that are to be sent, by the place that sends them. */
export function bySource(planned: readonly PlannedProbe[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, probe] of planned.entries()) {
    if ('error' in probe) continue;
    const group = groups.get(probe.from);
    if (group === undefined) groups.set(probe.from, [index]);
    else group.push(index);
  }
  return groups;
}
