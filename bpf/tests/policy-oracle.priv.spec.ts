import { address } from '@myelin/address';
import { dropReason, eventType } from '@myelin/datapath-layout';
import { compilePolicies } from '@myelin/policy-compile';
import type { Origin } from '@myelin/policy-localize';
import type { PolicyReference } from '@myelin/policy-model';
import { decide, type OracleDecision, type OracleEnd, type OracleFlow, type OracleWorld } from '@myelin/policy-oracle';
import { type Scenario, scenario } from '@myelin/policy-oracle/testing';
import { enginePolicies, numberIdentities, policyNames } from '@myelin/policy-oracle/testing/engine';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Passage, WorldNode } from './kernel/world-node.ts';
import { type Speaker, Talk } from './packets/talk.ts';

/*
 * The last link of "engine = oracle = kernel" (the others: libs/policy-oracle/src/engine.prop.spec.ts). Left out are flows that no
 * program sees (a node to the outside), and SCTP, which the programs drop as an unknown protocol whatever policy says.
 */

const nightly = process.env.MYELIN_NIGHTLY === '1';
const policySets = nightly ? 20_000 : 2000;
const flowsEach = 10;
const timeoutMs = nightly ? 3_600_000 : 180_000;

let nodes: readonly WorldNode[];
beforeAll(async () => {
  nodes = [await WorldNode.load(1), await WorldNode.load(2)];
});
afterAll(() => {
  for (const node of nodes) node.close();
});

/** Of the next flow: source port, or id of an echo request. Goes round, so that later flows meet what is remembered of earlier worlds. */
let conversation = 0;

/** What one program said, with who decided at each end: null where nobody did. */
interface Ruling {
  readonly action: number;
  readonly verdict: OracleDecision['verdict'];
  readonly egress: Origin | null;
  readonly ingress: Origin | null;
}

/** What the kernel says of a flow. */
interface KernelDecision {
  readonly verdict: OracleDecision['verdict'];
  /** Who decided, built-in rules too. */
  readonly deciders: readonly PolicyReference[];
  /** Of a default deny all policies are named; of rules those of one look-up (identity, class, any), others may have said the same. */
  readonly isComplete: boolean;
}

const isOfPrograms = ({ source, destination, protocol }: OracleFlow) =>
  protocol !== 'SCTP' && ('endpoint' in source || 'endpoint' in destination);

const nodeOf = (end: { readonly endpoint: string }) => nodes.find((node) => node.runs(end.endpoint))!;

/** The two ends of a packet; whoever is no pod of the node at hand has no MAC there. */
function talkOf(node: WorldNode, { source, destination }: OracleFlow): Talk {
  const speaker = (end: OracleEnd): Speaker =>
    'endpoint' in end && node.runs(end.endpoint) ? node.speaker(end.endpoint) : { ipv4: end.address, ipv6: end.address };
  return new Talk(address(source.address).family, speaker(source), speaker(destination));
}

function packetOf(node: WorldNode, flow: OracleFlow, number: number): Buffer {
  const talk = talkOf(node, flow);
  if (flow.protocol === 'TCP') return talk.syn(number, flow.port);
  return flow.protocol === 'UDP' ? talk.udp(number, flow.port) : talk.echo(number);
}

/** Reads the one record that a new flow leaves. Throws where the kernel says anything but "policy lets it through" or "policy denies it". */
function rulingOf(node: WorldNode, { action, events }: Passage): Ruling {
  const [event] = events;
  if (event === undefined || events.length > 1) throw new Error(`a new flow left ${events.length} records: ${JSON.stringify(events)}`);
  const egress = node.origin(event.egressOrigin);
  const ingress = node.origin(event.ingressOrigin);
  if (event.type === eventType.EVENT_VERDICT) return { action, verdict: 'forwarded', egress, ingress };
  const direction = event.direction === 1 ? 'ingress' : 'egress';
  const isDefault = { egress, ingress }[direction]?.kind === 'default-deny';
  expect({ action, reason: event.reason }).toEqual({
    action: 2,
    reason: isDefault ? dropReason.REASON_POLICY_DENIED : dropReason.REASON_DENY_RULE,
  });
  return { action, verdict: `denied-${direction}`, egress, ingress };
}

const referencesOf = (origin: Origin | null): readonly PolicyReference[] => {
  if (origin === null) return [];
  return origin.kind === 'rules' ? origin.rules.map(({ policy }) => policy) : origin.policies;
};

function decisionOf(rulings: readonly Ruling[]): KernelDecision {
  const { verdict, egress, ingress } = rulings.at(-1)!;
  if (verdict === 'forwarded')
    return { verdict, deciders: rulings.flatMap((one) => [...referencesOf(one.egress), ...referencesOf(one.ingress)]), isComplete: false };
  const decisive = verdict === 'denied-egress' ? egress : ingress;
  return { verdict, deciders: referencesOf(decisive), isComplete: decisive?.kind === 'default-deny' };
}

/** Sends a flow's first packet on its way: out of its pod, into the other one, or both when they are on two nodes. */
async function send(world: OracleWorld, flow: OracleFlow): Promise<KernelDecision> {
  const { source, destination } = flow;
  const number = 1 + (conversation++ % 65_000);
  const rulings: Ruling[] = [];
  if ('endpoint' in source) {
    const node = nodeOf(source);
    const ruling = rulingOf(node, await node.fromPod(source.endpoint, packetOf(node, flow, number)));
    rulings.push(ruling);
    const stays = 'endpoint' in destination && node.runs(destination.endpoint);
    if (ruling.verdict === 'forwarded') expect(ruling.action, 'way out').toBe(stays ? 7 : 0);
    if (ruling.verdict !== 'forwarded' || stays) return decisionOf(rulings);
  }
  if ('endpoint' in destination) {
    const node = nodeOf(destination);
    const isOwnNode = 'node' in source && source.node === world.nodes[node.number - 1]!.name;
    const packet = packetOf(node, flow, number);
    rulings.push(rulingOf(node, await node.toPod(destination.endpoint, packet, isOwnNode ? 'host' : 'native')));
  }
  return decisionOf(rulings);
}

function compare(kernel: KernelDecision, oracle: OracleDecision, flow: OracleFlow): void {
  const of = JSON.stringify(flow);
  const policies = policyNames(kernel.deciders);
  expect(kernel.verdict, of).toBe(oracle.verdict);
  if (kernel.isComplete) expect(policies, of).toEqual(oracle.policies);
  else expect(oracle.policies, of).toEqual(expect.arrayContaining(policies));
  if (kernel.deciders.length === 0) expect(oracle.policies, `nobody decided: ${of}`).toEqual([]);
}

/** Puts a world in force and sends its flows; returns how many. */
async function agree({ world, flows }: Scenario): Promise<number> {
  const numbering = numberIdentities(world);
  const compiled = compilePolicies(numbering.identities, enginePolicies(world));
  for (const node of nodes) await node.put(world, numbering, compiled);
  const sent = flows.filter(isOfPrograms).slice(0, flowsEach);
  for (const flow of sent) compare(await send(world, flow), decide(world, flow), flow);
  return sent.length;
}

it(
  `the kernel decides like the oracle, for the same policies: ten flows in each of ${policySets} policy sets`,
  async () => {
    let flows = 0;
    // Three times as many are drawn as are sent: of thirty, ten are of the programs.
    const property = fc.asyncProperty(scenario(3 * flowsEach), async (drawn) => {
      flows += await agree(drawn);
    });
    await fc.assert(property, { numRuns: policySets });
    expect(flows).toBe(policySets * flowsEach);
  },
  timeoutMs,
);
