import { type Decision, type End, evaluate, evaluateFlow, type Flow, type FlowDecision, type SubjectFlow } from '@myelin/policy-evaluate';
import { type CompiledPolicy, type Direction, formatOrigin, formatPolicy } from '@myelin/policy-model';
import { type NearestRule, nearestRule } from './nearest.ts';
import { endText, listText, matchText, type NameIdentity, peerText, trafficText } from './words.ts';

/** What one end says to a flow, as data and as sentences. */
export interface Explanation {
  readonly direction: Direction;
  readonly decision: Decision;
  /** Where nothing allows: what would, but for one thing. */
  readonly nearest: NearestRule | null;
  /** One sentence a line, without the ends. */
  readonly text: readonly string[];
}

/** What both ends say. */
export interface FlowExplanation {
  readonly decision: FlowDecision;
  /** The ends that were asked, in their order: egress, ingress. */
  readonly ends: readonly Explanation[];
  readonly text: readonly string[];
}

/** Puts a decision into a sentence: the rules, or the policies whose default deny it was. */
export function decisionText(direction: Direction, { reason, origins, isolatedBy }: Decision): string {
  const rules = listText(origins.map(formatOrigin));
  const policies = listText(isolatedBy.map(formatPolicy));
  switch (reason) {
    case 'deny-rule':
      return `denied at ${direction} by ${rules}`;
    case 'allow-rule':
      return `allowed at ${direction} by ${rules}`;
    case 'default-deny':
      return `denied at ${direction}: ${policies} ${isolatedBy.length === 1 ? 'isolates' : 'isolate'} it, and no rule allows this`;
    case 'not-isolated':
      return `allowed at ${direction}: no policy isolates it`;
    case 'unknown-peer':
      return `dropped at ${direction}: the other address is one of the cluster that nobody has`;
  }
}

const differing = {
  port: 'another port',
  protocol: 'another protocol',
  peer: 'another peer',
  'peer-and-port': 'another peer and port',
} as const;

function nearestText({ miss, entry, origins }: NearestRule, name: NameIdentity): string {
  return `nearest: ${listText(origins.map(formatOrigin))} would allow ${differing[miss]}: ${matchText(entry)}, ${peerText(entry.peer, name)}`;
}

const nobody: NameIdentity = () => null;

/** Explains what one end's compiled policy says to a flow. */
export function explain(policy: CompiledPolicy, flow: SubjectFlow, name: NameIdentity = nobody): Explanation {
  const decision = evaluate(policy, flow);
  const nearest = decision.reason === 'default-deny' ? nearestRule(policy, flow) : null;
  const text = [decisionText(flow.direction, decision), ...(nearest === null ? [] : [nearestText(nearest, name)])];
  return { direction: flow.direction, decision, nearest, text };
}

/** Explains a whole flow: a line with the ends and the verdict, then what each end says. */
export function explainFlow(
  policyOf: (identity: number) => CompiledPolicy | null,
  flow: Flow,
  name: NameIdentity = nobody,
): FlowExplanation {
  const { source, destination, protocol, port } = flow;
  const decision = evaluateFlow(policyOf, flow);
  const explainEnd = (subject: End, peer: End, direction: Direction): Explanation =>
    explain(policyOf(subject.identity)!, { direction, peer, protocol, port }, name);
  const ends = [
    ...(decision.egress === null ? [] : [explainEnd(source, destination, 'egress')]),
    ...(decision.ingress === null ? [] : [explainEnd(destination, source, 'ingress')]),
  ];
  const headline = `${endText(source, name)} → ${endText(destination, name)}, ${trafficText(flow)}: ${decision.verdict === 'allow' ? 'allowed' : 'denied'}`;
  return { decision, ends, text: [headline, ...ends.flatMap(({ text }) => text.map((line) => `  ${line}`))] };
}
