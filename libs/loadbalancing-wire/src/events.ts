import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import type { BalancerEvent } from '@myelin/loadbalancing';
import { decodeService, decodeSlice, MalformedObject } from './decode.ts';

/** What a batch of rows comes to. */
export interface ServiceEvents {
  readonly events: readonly BalancerEvent[];
  /** By the key of each row named in the batch: why it can't be read; null: it can, or is gone. */
  readonly problems: ReadonlyMap<string, string | null>;
}

/** Rows of the stream `services` → events for a Balancer. A row that can't be read takes out what was there under its key. Keys of other kinds are ignored. */
export function eventsOf(
  changed: readonly { readonly key: string; readonly row: ServiceObject }[],
  removedKeys: readonly string[],
): ServiceEvents {
  const events: BalancerEvent[] = [];
  const problems = new Map<string, string | null>();
  for (const key of removedKeys) {
    problems.set(key, null);
    events.push(...deletionOf(key));
  }
  for (const { key, row } of changed) {
    try {
      events.push(putOf(row));
      problems.set(key, null);
    } catch (error) {
      if (!(error instanceof MalformedObject)) throw error;
      problems.set(key, error.message);
      events.push(...deletionOf(key));
    }
  }
  return { events, problems };
}

function putOf({ object }: ServiceObject): BalancerEvent {
  if (object?.$case === 'service') return { kind: 'service-put', service: decodeService(object.value) };
  if (object?.$case === 'endpointSlice') return { kind: 'slice-put', slice: decodeSlice(object.value) };
  throw new MalformedObject('neither a Service nor an EndpointSlice');
}

function deletionOf(key: string): readonly BalancerEvent[] {
  const [kind, namespace = '', name = ''] = key.split('/');
  if (kind === 'Service') return [{ kind: 'service-delete', service: { namespace, name } }];
  if (kind === 'EndpointSlice') return [{ kind: 'slice-delete', slice: { namespace, name } }];
  return [];
}
