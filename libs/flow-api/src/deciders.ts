import { Flow, type Policy } from '@myelin/contracts/flow';
import type { PolicyReference, RuleOrigin } from '@myelin/policy-model';
import type { Decider, FlowNames, PacketEvent } from './packet-event.ts';

/**
 * Type of `Flow.extensions`: a flow.Flow of which only `egress_denied_by` and `ingress_denied_by` are filled, with the policies whose default
 * deny dropped the packet. Upstream has no field for them. A type of our own would make stock clients fail ("unable to resolve"): they print an
 * Any only when they know its type, and this one they all know.
 */
export const extensionType = 'type.googleapis.com/flow.Flow';

function policyOf({ kind, namespace, name, uid }: PolicyReference, labels: readonly string[]): Policy {
  return { kind, namespace, name, labels: [`uid=${uid}`, ...labels], revision: 0n };
}

/** Label that names one rule of a policy: `rule=ingress[0]`, in a policy with several specs `rule=specs[1].ingress[0]`. */
export function ruleLabel({ section, specIndex, ruleIndex }: RuleOrigin): string {
  return `rule=${specIndex > 0 ? `specs[${specIndex}].` : ''}${section}[${ruleIndex}]`;
}

/** One entry a policy, in the order of its first rule; every rule is one of its labels. */
function policiesOfRules(rules: readonly RuleOrigin[]): Policy[] {
  const byPolicy = Map.groupBy(rules, ({ policy }) => `${policy.kind}/${policy.namespace}/${policy.name}/${policy.uid}`);
  return [...byPolicy.values()].map((group) => policyOf(group[0]!.policy, group.map(ruleLabel)));
}

type PolicyFields = Pick<Flow, 'egressAllowedBy' | 'ingressAllowedBy' | 'egressDeniedBy' | 'ingressDeniedBy' | 'extensions'>;

const rulesOf = (decider: Decider | null): Policy[] => (decider?.kind === 'rules' ? policiesOfRules(decider.rules) : []);

function defaultDenyOf(decider: Decider | null): Policy[] {
  return decider?.kind === 'default-deny' ? decider.policies.map((policy) => policyOf(policy, [])) : [];
}

/** The fields that say who decided. The end that dropped a packet has deniers; the other end, if it was asked before, allowed it. */
export function policyFields(event: PacketEvent, names: Pick<FlowNames, 'decider'>): PolicyFields {
  const decider = (origin: number) => (origin === 0 ? null : names.decider(origin));
  const [egress, ingress] = [decider(event.egressOrigin), decider(event.ingressOrigin)];
  const [egressDenied, ingressDenied] = [deniedAt(event, 'egress'), deniedAt(event, 'ingress')];
  const defaultDeny = {
    egressDeniedBy: egressDenied ? defaultDenyOf(egress) : [],
    ingressDeniedBy: ingressDenied ? defaultDenyOf(ingress) : [],
  };
  return {
    egressAllowedBy: egressDenied ? [] : rulesOf(egress),
    ingressAllowedBy: ingressDenied ? [] : rulesOf(ingress),
    egressDeniedBy: egressDenied ? rulesOf(egress) : [],
    ingressDeniedBy: ingressDenied ? rulesOf(ingress) : [],
    extensions: extensionOf(defaultDeny),
  };
}

/** Dropped, or (audit mode) let through although it would have been dropped, by this end's policy. */
function deniedAt(event: PacketEvent, direction: 'ingress' | 'egress'): boolean {
  return event.direction === direction && event.reason !== 0;
}

function extensionOf(defaultDeny: Pick<Flow, 'egressDeniedBy' | 'ingressDeniedBy'>): Flow['extensions'] {
  if (defaultDeny.egressDeniedBy.length + defaultDeny.ingressDeniedBy.length === 0) return undefined;
  return { typeUrl: extensionType, value: Buffer.from(Flow.encode(Flow.fromPartial(defaultDeny)).finish()) };
}

/** The policies whose default deny dropped a flow, by the end that dropped it; reads what `policyFields` wrote. */
export function deniedByDefault({ extensions }: Pick<Flow, 'extensions'>): {
  readonly egress: readonly Policy[];
  readonly ingress: readonly Policy[];
} {
  if (extensions?.typeUrl !== extensionType) return { egress: [], ingress: [] };
  const { egressDeniedBy, ingressDeniedBy } = Flow.decode(extensions.value);
  return { egress: egressDeniedBy, ingress: ingressDeniedBy };
}
