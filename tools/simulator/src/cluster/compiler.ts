import {
  type CompiledView,
  Subscription,
  type SubscriptionMessage,
  type SubscriptionRequest,
  type ViewChange,
} from '@myelin/identity-rules';
import type { CompiledPolicy } from '@myelin/policy-model';
import type { Revision } from '@myelin/revision';
import { atOnce, type Machine, type Process } from '../machine.ts';
import type { IdentityRow } from '../model/registry-types.ts';
import type { StateLog } from '../model/state-log.ts';
import { compile, type Policies, type PolicyRow } from './policy.ts';

/** A node's stream at a replica: requests one way, messages the other, both in order until it breaks. */
export class Connection {
  readonly compiler: CompilerReplica;
  readonly subscription: Subscription;
  readonly requests: SubscriptionRequest[] = [];
  readonly messages: SubscriptionMessage[] = [];
  isAwake = false;
  isBroken = false;

  constructor(compiler: CompilerReplica, subscription: Subscription) {
    this.compiler = compiler;
    this.subscription = subscription;
  }
}

/** A replica of policy-compiler: it reads two streams, each at its own pace, and serves nodes by `Subscription` of libs/identity-rules. */
export class CompilerReplica implements Process, CompiledView {
  readonly name: string;
  readonly machines: readonly Machine[];
  readonly problems = [];
  readonly connections = new Set<Connection>();
  readonly #identityLog: StateLog<IdentityRow>;
  readonly #policyLog: StateLog<PolicyRow>;
  #labels = new Map<number, string>();
  #policies: Policies = new Map();
  #compiled = new Map<number, CompiledPolicy | undefined>();
  /** How many changes of each stream it has taken; -1: not a whole snapshot yet. */
  #read = { identities: -1, policies: -1 };

  constructor(name: string, identities: StateLog<IdentityRow>, policies: StateLog<PolicyRow>) {
    this.name = name;
    this.#identityLog = identities;
    this.#policyLog = policies;
    this.machines = [
      this.#reading('identities', identities, () => this.#readIdentities()),
      this.#reading('policies', policies, () => this.#readPolicies()),
      this.#serving(),
    ];
  }

  restart(): void {
    for (const connection of this.connections) connection.isBroken = true;
    this.connections.clear();
    this.#labels = new Map();
    this.#policies = new Map();
    this.#compiled.clear();
    this.#read = { identities: -1, policies: -1 };
  }

  get isComplete(): boolean {
    return this.#read.identities >= 0 && this.#read.policies >= 0;
  }

  get policyRevision(): Revision {
    return this.#policyLog.revisionAt(Math.max(0, this.#read.policies));
  }

  get identityRevision(): Revision {
    return this.#identityLog.revisionAt(Math.max(0, this.#read.identities));
  }

  get identities(): ReadonlySet<number> {
    return new Set(this.#labels.keys());
  }

  compiled(identity: number): CompiledPolicy | undefined {
    if (!this.#compiled.has(identity)) this.#compiled.set(identity, compile(this.#policies, this.#labels, identity));
    return this.#compiled.get(identity);
  }

  connect(): Connection {
    const connection = new Connection(this, this.subscription());
    this.connections.add(connection);
    return connection;
  }

  disconnect(connection: Connection): void {
    connection.isBroken = true;
    this.connections.delete(connection);
  }

  // What tests take out.

  protected subscription(): Subscription {
    return new Subscription();
  }

  #reading(what: 'identities' | 'policies', log: StateLog<unknown>, read: () => ViewChange): Machine {
    return {
      name: `${this.name} ${what}`,
      isLocal: true,
      begin: () => (this.#read[what] === log.published ? null : atOnce(() => this.#changed(read()))),
      answer: () => {},
      fail: () => {},
      describe: () => `is at ${this.#read[what]} of ${what}`,
    };
  }

  #changed(change: ViewChange): null {
    this.#compiled.clear();
    for (const connection of this.connections) {
      connection.subscription.viewChanged(change);
      connection.isAwake = true;
    }
    return null;
  }

  /** One change after the other; the first time everything that there is. */
  #readIdentities(): ViewChange {
    const { changes, published } = this.#identityLog;
    const isFirst = this.#read.identities < 0;
    if (isFirst) for (const { number, labels } of this.#identityLog.publishedRows().values()) this.#labels.set(number, labels);
    this.#read.identities = isFirst ? published : this.#read.identities + 1;
    const change = isFirst ? undefined : changes[this.#read.identities - 1];
    const subjects = () => [...this.#labels.keys()];
    if (change === undefined) return { subjects: subjects(), included: subjects(), dropped: [] };
    const number = Number(change.key);
    const before = new Set(this.#labels.keys());
    if (change.row === null) this.#labels.delete(number);
    else this.#labels.set(number, change.row.labels);
    const included = change.row !== null && !before.has(number) ? [number] : [];
    const dropped = change.row === null && before.has(number) ? [number] : [];
    return { subjects: new Set([...before, number]), included, dropped };
  }

  #readPolicies(): ViewChange {
    const { changes, published } = this.#policyLog;
    if (this.#read.policies < 0) {
      this.#policies = this.#policyLog.publishedRows();
      this.#read.policies = published;
    } else {
      const { key, row } = changes[this.#read.policies++]!;
      const policies = new Map(this.#policies);
      if (row === null) policies.delete(key);
      else policies.set(key, row);
      this.#policies = policies;
    }
    return { subjects: [...this.#labels.keys()], included: [], dropped: [] };
  }

  /** Takes a request, or sends what there is to send, on a connection that has any. */
  #serving(): Machine {
    return {
      name: `${this.name} serving`,
      isLocal: true,
      begin: () => {
        const connection = [...this.connections].find(({ requests, isAwake }) => requests.length > 0 || (isAwake && this.isComplete));
        return connection === undefined ? null : atOnce(() => this.#serve(connection));
      },
      answer: () => {},
      fail: () => {},
      describe: () => 'has served a node',
    };
  }

  #serve(connection: Connection): null {
    const request = connection.requests.shift();
    if (request !== undefined) connection.subscription.request(request);
    connection.isAwake = request !== undefined && !this.isComplete;
    if (this.isComplete) connection.messages.push(...connection.subscription.flush(this));
    return null;
  }
}
