import type { Datapath } from '@myelin/datapath';
import { dropReasonNames } from '@myelin/datapath-layout';
import { type EndpointState, isCutOff } from '@myelin/identity-rules';
import type { Histogram, Meter, ObservableResult } from '@opentelemetry/api';
import type { Endpoints } from './endpoints.ts';
import type { Flows } from './flows.ts';
import type { Names } from './names.ts';

const states: readonly EndpointState[] = ['creating', 'waiting-for-policy', 'ready', 'deleting', 'failed'];

/** Drop reasons in the words of the field's dashboards: "SOURCE_MAC" of the programs is "Source mac". */
function reasonText(reason: number): string {
  const words = (dropReasonNames[reason] ?? `REASON_${reason}`)
    .replace(/^REASON_/, '')
    .toLowerCase()
    .replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where the metrics come from. */
export interface MetricSources {
  readonly datapath: Datapath;
  readonly endpoints: Endpoints;
  readonly names: Names;
  readonly flows: Flows;
}

/** Time from the arrival of a state of policies until it was in the kernel. */
export function delayHistogram(meter: Meter): Histogram {
  return meter.createHistogram('policy_implementation_delay', {
    description: 'Time from a policy change reaching the node until the kernel enforces it',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5] },
  });
}

/** Registers the node's metrics: packet counts are read from the kernel when somebody asks. */
export function observeNode(meter: Meter, { datapath, endpoints, names, flows }: MetricSources): void {
  const drops = meter.createObservableCounter('drop_count', { description: 'Packets dropped' });
  const dropBytes = meter.createObservableCounter('drop_bytes', { description: 'Bytes dropped' });
  const forwards = meter.createObservableCounter('forward_count', { description: 'Packets forwarded' });
  const forwardBytes = meter.createObservableCounter('forward_bytes', { description: 'Bytes forwarded' });
  const sent = meter.createObservableCounter('events_sent', { description: 'Events that the programs wanted to send' });
  const lost = meter.createObservableCounter('events_lost', { description: 'Events lost, by where' });
  meter.addBatchObservableCallback(
    (result) => {
      const counters = datapath.counters();
      for (const { reason, direction, packets, bytes } of counters.dropped) {
        result.observe(drops, Number(packets), { reason: reasonText(reason), direction });
        result.observe(dropBytes, Number(bytes), { reason: reasonText(reason), direction });
      }
      for (const { class: kind, direction, packets, bytes } of counters.forwarded) {
        result.observe(forwards, Number(packets), { direction, class: kind.toLowerCase() });
        result.observe(forwardBytes, Number(bytes), { direction, class: kind.toLowerCase() });
      }
      result.observe(sent, Number(counters.eventsSent));
      result.observe(lost, Number(counters.eventsLost), { where: 'ring_buffer' });
      result.observe(lost, Number(flows.lost), { where: 'agent' });
    },
    [drops, dropBytes, forwards, forwardBytes, sent, lost],
  );
  const observe = (name: string, description: string, read: (result: ObservableResult) => void) =>
    meter.createObservableGauge(name, { description }).addCallback(read);
  observe('endpoint_state', 'Endpoints by state', (result) => {
    const records = endpoints.records;
    for (const state of states) result.observe(records.filter((record) => record.state === state).length, { endpoint_state: state });
  });
  observe('endpoint_cut_off', 'Endpoints that the identity allocator refuses a number: their packets drop', (result) =>
    result.observe(endpoints.records.filter(isCutOff).length),
  );
  observe('identity', 'Identities that the node knows', (result) => result.observe(names.identityCount));
  observe('bpf_map_pressure', 'Share of a table that is filled', (result) => {
    for (const { table, entries, capacity } of datapath.pressure()) result.observe(entries / capacity, { map_name: table });
  });
  meter.createObservableCounter('bpf_map_refusals', { description: 'Writes that a full table refused' }).addCallback((result) => {
    for (const [table, count] of datapath.refusals()) result.observe(count, { map_name: table });
  });
}
