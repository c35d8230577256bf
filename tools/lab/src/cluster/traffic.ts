import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from '../plan/names.ts';
import { type ExchangeRequest, type PlannedProbe, type ProbeJob, planProbes } from '../plan/probes.ts';
import { type FlowAccount, FlowCount, faultOf } from '../plan/traffic.ts';
import type { Lab } from './lab.ts';
import { type KnownPlace, knownPlaces, knownTargets } from './places.ts';
import { ensureWorkload, openTalk, sendProbes } from './workload.ts';

/** An exchange and what it came to. `fault`: what is wrong with that; null: nothing. */
export type TrafficResult = ExchangeRequest & FlowAccount & { readonly fault: string | null };

/** Traffic that goes on until it is finished. */
export interface Traffic {
  /** Asks no more, waits for late answers, and gives account, in the order of the requests. */
  finish(): Promise<readonly TrafficResult[]>;
}

/** One exchange that goes on. */
interface Flow {
  readonly count: FlowCount;
  /** Returns how often it has asked. */
  finish(): Promise<number>;
}

/** Opens exchanges, each of which asks every 10 ms. Throws ProbeInputError for places that don't exist. */
export async function startTraffic(lab: Lab, requests: readonly ExchangeRequest[]): Promise<Traffic> {
  const places = knownPlaces(lab.state);
  const planned = planProbes(
    requests.map(({ expect: _, ...probe }) => probe),
    knownTargets(lab.state),
  );
  await Promise.all(
    [...new Set(planned.flatMap((probe) => ('error' in probe ? [] : [probe.from])))].map((from) =>
      ensureWorkload(lab, places.get(from)!.place),
    ),
  );
  const flows = requests.map((request, index) => startFlow(lab, request, planned[index]!, places));
  return {
    finish: () =>
      Promise.all(
        flows.map(async ({ count, finish }, index) => {
          const now = performance.now();
          const account = count.close(await finish(), now);
          return { ...requests[index]!, ...account, fault: faultOf(requests[index]!, account) };
        }),
      ),
  };
}

function startFlow(lab: Lab, { expect, protocol }: ExchangeRequest, planned: PlannedProbe, places: ReadonlyMap<string, KnownPlace>): Flow {
  const count = new FlowCount(performance.now());
  if ('error' in planned) {
    count.heard(planned.error, performance.now());
    return { count, finish: async () => 0 };
  }
  const { place } = places.get(planned.from)!;
  // A connection that is never made ends after its first second: it is tried again and again.
  if (expect === 'none' && protocol === 'TCP') return tryAgainAndAgain(lab, place, planned.job, count);
  const talk = openTalk(lab, place, planned.job, ({ error }) => count.heard(error, performance.now()));
  return { count, finish: talk.finish };
}

function tryAgainAndAgain(lab: Lab, place: Place, job: ProbeJob, count: FlowCount): Flow {
  const over = new AbortController();
  let asked = 0;
  const loop = (async () => {
    while (!over.signal.aborted) {
      asked++;
      const [result] = await sendProbes(lab, place, [job]);
      if (result?.error === null) count.heard(null, performance.now());
      await delay(10);
    }
  })();
  return {
    count,
    finish: async () => {
      over.abort();
      await loop;
      return asked;
    },
  };
}
