import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Flow } from '@myelin/contracts/flow';
import { decodeEvent } from '@myelin/datapath';
import { eventCodec } from '@myelin/datapath-layout';
import { type FlowNames, flowOf } from '@myelin/flow-api';
import { BootTime } from '../adapters/boot-time.ts';
import type { Events } from '../adapters/events.ts';
import { type EventFilter, mayPass, passesIdentities } from '../domain/event-filter.ts';
import { packetEventOf } from '../domain/packet-event.ts';

/** What somebody listens to. `pods`: namespace/name, at either end. */
export interface FlowFilter extends EventFilter {
  readonly pods: readonly string[];
}

/** Flows for a listener, and how many events it has lost since it was last told. */
export interface FlowDelivery {
  readonly flows: readonly Flow[];
  readonly lost: bigint;
}

/** Flows that wait for one listener at most. */
const waitingFlows = 8192;
/** Records that are named in one go. */
const namedAtOnce = 256;

/** One listener: what waits for it, and what it has lost. */
class Listener {
  readonly filter: FlowFilter;
  /** It gets what comes. Before that, the last flows are on their way that it asked for first. */
  hasBegun = false;
  #waiting: Flow[] = [];
  #lost = 0n;
  #kernelLost: bigint;
  #wake = Promise.withResolvers<void>();

  constructor(filter: FlowFilter, kernelLost: bigint) {
    this.filter = filter;
    this.#kernelLost = kernelLost;
  }

  offer(flow: Flow): void {
    if (this.#waiting.length >= waitingFlows) this.lose(1);
    else this.#waiting.push(flow);
    this.#wake.resolve();
  }

  lose(count: number): void {
    this.#lost += BigInt(count);
    this.#wake.resolve();
  }

  wake(): void {
    this.#wake.resolve();
  }

  /** Waits until there is something to take; at most until `wake`. */
  async ready(): Promise<void> {
    if (this.#waiting.length === 0) await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }

  /** `kernelLost`: all events that found no room in the ring buffer so far. */
  take(kernelLost: bigint): FlowDelivery {
    const delivery = { flows: this.#waiting, lost: this.#lost + (kernelLost - this.#kernelLost) };
    this.#waiting = [];
    this.#lost = 0n;
    this.#kernelLost = kernelLost;
    return delivery;
  }
}

/** What flows need. */
export interface FlowsOptions {
  readonly events: Events;
  readonly names: FlowNames;
  /** Events that found no room in the ring buffer since it was made. */
  readonly kernelLost: () => bigint;
}

/** Turns the kernel's records into flows with names, for everybody who listens. */
export class Flows {
  readonly #options: FlowsOptions;
  readonly #bootTime = new BootTime();
  readonly #listeners = new Set<Listener>();
  #lost = 0n;
  #delivered = 0n;

  constructor(options: FlowsOptions) {
    this.#options = options;
  }

  /** Events that were lost between the ring buffer and the main thread. */
  get lost(): bigint {
    return this.#lost;
  }

  /** Flows handed to listeners. */
  get delivered(): bigint {
    return this.#delivered;
  }

  /** Takes a batch of the worker. */
  take(records: Buffer, lost: number): void {
    this.#lost += BigInt(lost);
    if (lost > 0) for (const listener of this.#listeners) if (listener.hasBegun) listener.lose(lost);
    for (let at = 0; at < records.length; at += eventCodec.size) {
      const record = records.subarray(at, at + eventCodec.size);
      const event = decodeEvent(record);
      const interested = [...this.#listeners].filter(({ hasBegun, filter }) => hasBegun && mayPass(filter, event));
      if (interested.length === 0) continue;
      const flow = this.#flowOf(record);
      if (flow === null) continue;
      for (const listener of interested) if (passesNames(listener.filter, flow)) listener.offer(flow);
    }
  }

  /** The last `count` flows that pass, oldest first. */
  async last(count: number, filter: FlowFilter): Promise<readonly Flow[]> {
    return this.#nameLast(await this.#askLast(count, filter, () => {}), count, filter);
  }

  /** The last `last` flows, then those that follow them: none is missing between them, none comes twice. Ends when `signal` aborts. Losses are told at least once a second. */
  async *follow(filter: FlowFilter, last: number, signal: AbortSignal): AsyncGenerator<FlowDelivery> {
    const listener = new Listener(filter, this.#options.kernelLost());
    const wake = () => listener.wake();
    const timer = setInterval(wake, 1000);
    signal.addEventListener('abort', wake, { once: true });
    this.#listeners.add(listener);
    try {
      const flows = await Promise.race([this.#begin(listener, last), once(signal, 'abort').then(() => [])]);
      if (flows.length > 0) yield this.#delivery({ flows, lost: 0n });
      while (!signal.aborted) {
        const delivery = listener.take(this.#options.kernelLost());
        if (delivery.flows.length > 0 || delivery.lost > 0n) yield this.#delivery(delivery);
        else await listener.ready();
      }
    } finally {
      clearInterval(timer);
      this.#listeners.delete(listener);
      this.#options.events.listen(this.#filters());
    }
  }

  #delivery(delivery: FlowDelivery): FlowDelivery {
    this.#delivered += BigInt(delivery.flows.length);
    return delivery;
  }

  /** From the answer on, in its very turn, the listener gets what comes; the answer is what came before. */
  async #begin(listener: Listener, last: number): Promise<readonly Flow[]> {
    if (last === 0) {
      listener.hasBegun = true;
      this.#options.events.listen(this.#filters());
      return [];
    }
    const records = await this.#askLast(last, listener.filter, () => {
      listener.hasBegun = true;
    });
    return this.#nameLast(records, last, listener.filter);
  }

  /** `onAnswer` is called before anything that came later is taken. */
  #askLast(count: number, filter: FlowFilter, onAnswer: () => void): Promise<Buffer> {
    // Names are looked at here: the worker must give more than is asked for.
    const asked = filter.pods.length + filter.identities.length > 0 ? Number.MAX_SAFE_INTEGER : count;
    return new Promise((resolve) => {
      this.#options.events.last(asked, numbersOf(filter), this.#filters(), (records) => {
        onAnswer();
        resolve(records);
      });
    });
  }

  /** The last `count` flows that pass among these records, oldest first; in slices, so that a long log doesn't hold up what else this thread does. */
  async #nameLast(records: Buffer, count: number, filter: FlowFilter): Promise<readonly Flow[]> {
    const flows: Flow[] = [];
    for (let index = records.length / eventCodec.size - 1; index >= 0 && flows.length < count; index--) {
      if (index % namedAtOnce === 0) await setImmediate();
      const flow = this.#flowOf(records.subarray(index * eventCodec.size, (index + 1) * eventCodec.size));
      if (flow !== null && passesNames(filter, flow)) flows.push(flow);
    }
    return flows.reverse();
  }

  #flowOf(record: Buffer): Flow | null {
    const event = packetEventOf(decodeEvent(record), this.#bootTime.value);
    return event === null ? null : flowOf(event, this.#options.names);
  }

  #filters(): readonly EventFilter[] {
    return [...this.#listeners].map(({ filter }) => numbersOf(filter));
  }
}

const numbersOf = ({ verdicts, identities, ports }: FlowFilter): EventFilter => ({ verdicts, identities, ports });

/** What can be asked only once the ends have names. */
function passesNames(filter: FlowFilter, flow: Flow): boolean {
  const isWanted = (end: Flow['source']) =>
    end !== undefined && end.podName !== '' && filter.pods.includes(`${end.namespace}/${end.podName}`);
  return passesIdentities(filter, flow) && (filter.pods.length === 0 || [flow.source, flow.destination].some(isWanted));
}
