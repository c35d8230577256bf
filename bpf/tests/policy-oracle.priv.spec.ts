import { address } from '@myelin/address';
import { direction, dropReasonNames, eventType, sideCounter } from '@myelin/datapath-layout';
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
const timeoutMs = nightly ? 3_600_000 : 300_000;

let nodes: readonly WorldNode[];
beforeAll(async () => {
  nodes = [await WorldNode.load(1), await WorldNode.load(2)];
});
afterAll(() => {
  for (const node of nodes) node.close();
});

/** What the kernel says of a flow, or one program of its part. */
interface KernelDecision {
  readonly verdict: OracleDecision['verdict'];
  /** Who decided, built-in rules too. */
  readonly deciders: readonly PolicyReference[];
  /**
   * How much of that is known. `all`: a default deny names every policy. `some`: rules are those of one look-up (identity, class, any),
   * others may have said the same. `verdict`: a flow that was known already is not reported again; what is denied is `denied-egress` then.
   */
  readonly knows: 'all' | 'some' | 'verdict';
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

const referencesOf = (origin: Origin | null): readonly PolicyReference[] => {
  if (origin === null) return [];
  return origin.kind === 'rules' ? origin.rules.map(({ policy }) => policy) : origin.policies;
};

const drop = 2;

/** Reads the record that a flow leaves. Throws where the kernel says anything but "policy lets it through" or "policy denies it". */
function decisionOf(node: WorldNode, { action, events }: Passage): KernelDecision {
  const [event, more] = events.filter(({ type }) => type !== eventType.EVENT_CLOSE);
  if (event === undefined) return { verdict: action === drop ? 'denied-egress' : 'forwarded', deciders: [], knows: 'verdict' };
  if (more !== undefined) throw new Error(`a second record: ${JSON.stringify(more)}`);
  const egress = node.origin(event.egressOrigin);
  const ingress = node.origin(event.ingressOrigin);
  if (event.type === eventType.EVENT_VERDICT) {
    if (action === drop) throw new Error(`dropped, but told to be forwarded: ${JSON.stringify(event)}`);
    return { verdict: 'forwarded', deciders: [...referencesOf(egress), ...referencesOf(ingress)], knows: 'some' };
  }
  const isIngress = event.direction === direction.DIRECTION_INGRESS;
  const decisive = isIngress ? ingress : egress;
  const isDefault = decisive?.kind === 'default-deny';
  const reason = dropReasonNames[event.reason];
  expect({ action, reason }).toEqual({ action: drop, reason: isDefault ? 'REASON_POLICY_DENIED' : 'REASON_DENY_RULE' });
  return { verdict: isIngress ? 'denied-ingress' : 'denied-egress', deciders: referencesOf(decisive), knows: isDefault ? 'all' : 'some' };
}

/** Sends a flow's first packet on its way: out of its pod, into the other one, or both when they are on two nodes. */
async function send(world: OracleWorld, flow: OracleFlow, number: number): Promise<KernelDecision> {
  const { source, destination } = flow;
  let sent: KernelDecision | null = null;
  if ('endpoint' in source) {
    const node = nodeOf(source);
    sent = decisionOf(node, await node.fromPod(source.endpoint, packetOf(node, flow, number)));
    const leaves = 'endpoint' in destination && !node.runs(destination.endpoint);
    if (sent.verdict !== 'forwarded' || !leaves) return sent;
  }
  if (!('endpoint' in destination)) throw new Error('no pod has a part in this flow');
  const node = nodeOf(destination);
  const isOwnNode = 'node' in source && source.node === world.nodes[node.number - 1]!.name;
  const received = decisionOf(node, await node.toPod(destination.endpoint, packetOf(node, flow, number), isOwnNode ? 'host' : 'native'));
  if (sent === null || received.verdict !== 'forwarded') return received;
  const isKnown = sent.knows === 'some' && received.knows === 'some';
  return { verdict: 'forwarded', deciders: [...sent.deciders, ...received.deciders], knows: isKnown ? 'some' : 'verdict' };
}

/** Asked a hundred thousand times: `expect`, which is slow, only says what is wrong. */
function compare(kernel: KernelDecision, oracle: OracleDecision, flow: OracleFlow): void {
  if (kernel.knows === 'verdict') {
    if ((kernel.verdict === 'forwarded') !== (oracle.verdict === 'forwarded'))
      expect(kernel.verdict, JSON.stringify(flow)).toBe(oracle.verdict);
    return;
  }
  const policies = policyNames(kernel.deciders);
  const isKnown =
    policies.every((name) => oracle.policies.includes(name)) && (kernel.knows === 'some' || policies.length === oracle.policies.length);
  const nobodyDecided = kernel.deciders.length === 0;
  if (kernel.verdict === oracle.verdict && isKnown && !(nobodyDecided && oracle.policies.length > 0)) return;
  expect({ verdict: kernel.verdict, policies, nobodyDecided, knows: kernel.knows }, JSON.stringify(flow)).toEqual(oracle);
}

/** Source ports, or ids of echo requests: those of the first come again in every world, of the second not for long. */
const numbers = { known: 60_000, fresh: 20_000, freshCount: 40_000 };

/**
 * Puts a world in force and sends its flows, `before` others having been sent; returns how many. Each goes twice: under a number that an
 * earlier world's flow may have left remembered, and under a fresh one, when the answer is remembered.
 */
async function agree({ world, flows }: Scenario, before: number): Promise<number> {
  const numbering = numberIdentities(world);
  const compiled = compilePolicies(numbering.identities, enginePolicies(world));
  for (const node of nodes) await node.put(world, numbering, compiled);
  const sent = flows.filter(isOfPrograms).slice(0, flowsEach);
  for (const [index, flow] of sent.entries()) {
    const expected = decide(world, flow);
    compare(await send(world, flow, numbers.known + index), expected, flow);
    compare(await send(world, flow, numbers.fresh + ((before + index) % numbers.freshCount)), expected, flow);
  }
  return sent.length;
}

it(
  `the kernel decides like the oracle, for the same policies: ten flows in each of ${policySets} policy sets`,
  async () => {
    let flows = 0;
    // Three times as many are drawn as are sent: of thirty, ten are of the programs.
    const property = fc.asyncProperty(scenario(3 * flowsEach), async (drawn) => {
      flows += await agree(drawn, flows);
    });
    await fc.assert(property, { numRuns: policySets });
    expect(flows).toBe(policySets * flowsEach);
    // Flows that earlier worlds left and answers that are remembered have been part of it.
    for (const counter of [sideCounter.COUNTER_FLOW_STALE, sideCounter.COUNTER_DECISION_HIT]) {
      const counts = await Promise.all(nodes.map((node) => node.counted(counter)));
      expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(flows / 40);
    }
  },
  timeoutMs,
);
