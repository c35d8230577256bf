import {
  type CompiledView,
  Subscription,
  type SubscriptionMessage,
  type SubscriptionRequest,
  type ViewChange,
} from '@myelin/identity-rules';
import type { CompiledPolicy } from '@myelin/policy-model';
import { type Revision, zeroRevision } from '@myelin/revision';
import { atOnce, type Machine, type Process } from '../machine.ts';
import type { IdentityRow } from '../model/registry-types.ts';
import { nextOf, type ReadMark, revisionOf, rowsAt, type StateLog } from '../model/state-log.ts';
import { compile, type Policies, type PolicyRow } from './policy.ts';

type Next<Row> = NonNullable<ReturnType<typeof nextOf<Row>>>;
const unread = { identities: null, policies: null };

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
  #labels = new Map<number, string>();
  #policies: Policies = new Map();
  #compiled = new Map<number, CompiledPolicy | undefined>();
  /** How far each stream has been taken; null: not a whole snapshot yet. */
  #read: { readonly identities: ReadMark<IdentityRow> | null; readonly policies: ReadMark<PolicyRow> | null } = unread;

  constructor(name: string, identities: StateLog<IdentityRow>, policies: StateLog<PolicyRow>) {
    this.name = name;
    this.machines = [
      this.#reading(
        'identities',
        () => nextOf(identities, this.#read.identities),
        (next) => this.#readIdentities(next),
      ),
      this.#reading(
        'policies',
        () => nextOf(policies, this.#read.policies),
        (next) => this.#readPolicies(next),
      ),
      this.#serving(),
    ];
  }

  restart(): void {
    for (const connection of this.connections) connection.isBroken = true;
    this.connections.clear();
    this.#labels = new Map();
    this.#policies = new Map();
    this.#compiled.clear();
    this.#read = unread;
  }

  get isComplete(): boolean {
    return this.#read.identities !== null && this.#read.policies !== null;
  }

  get policyRevision(): Revision {
    return this.#read.policies === null ? zeroRevision : revisionOf(this.#read.policies);
  }

  get identityRevision(): Revision {
    return this.#read.identities === null ? zeroRevision : revisionOf(this.#read.identities);
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

  #reading<Row>(what: 'identities' | 'policies', next: () => Next<Row> | null, take: (next: Next<Row>) => ViewChange): Machine {
    const read = () => {
      const found = next();
      return found === null ? null : this.#changed(take(found));
    };
    return {
      name: `${this.name} ${what}`,
      isLocal: true,
      begin: () => (next() === null ? null : atOnce(read)),
      answer: () => {},
      fail: () => {},
      describe: () => `is at ${this.#read[what]?.at} of ${what}`,
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

  /** One change after the other; where a bucket begins everything that there is. */
  #readIdentities({ mark, isAll }: Next<IdentityRow>): ViewChange {
    const before = new Set(this.#labels.keys());
    const isFirst = this.#read.identities === null;
    this.#read = { ...this.#read, identities: mark };
    const change = mark.bucket.changes[mark.at - 1];
    if (isAll) this.#labels = new Map([...rowsAt(mark).values()].map(({ number, labels }) => [number, labels]));
    else if (change!.row === null) this.#labels.delete(Number(change!.key));
    else this.#labels.set(Number(change!.key), change!.row.labels);
    const included = [...this.#labels.keys()].filter((number) => isFirst || !before.has(number));
    const dropped = [...before].filter((number) => !this.#labels.has(number));
    return { subjects: new Set([...before, ...this.#labels.keys()]), included, dropped };
  }

  #readPolicies({ mark }: Next<PolicyRow>): ViewChange {
    this.#read = { ...this.#read, policies: mark };
    this.#policies = rowsAt(mark);
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
