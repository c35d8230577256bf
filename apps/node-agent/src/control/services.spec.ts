import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import { DatapathError } from '@myelin/datapath';
import type { KernelServices, Step } from '@myelin/loadbalancing';
import { KernelMaps } from '@myelin/loadbalancing/testing';
import { encodeService, encodeSlice } from '@myelin/loadbalancing-wire';
import { silentLog } from '@myelin/service';
import { beforeEach, describe, expect, it } from 'vitest';
import { keptTableOptions, Services } from './services.ts';

const revision = { incarnation: 1n, counter: 1n };
const row = (object: ServiceObject['object']) => {
  const { namespace, name } = object!.value;
  return { key: `${object!.$case === 'service' ? 'Service' : 'EndpointSlice'}/${namespace}/${name}`, row: { object }, revision };
};
const service = (name: string, address: string) =>
  row({
    $case: 'service',
    value: encodeService({
      namespace: 'shop',
      name,
      type: 'ClusterIP',
      created: null,
      headless: false,
      clusterIps: [address],
      families: [4],
      requiresDualStack: false,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 8080 }],
      selector: null,
      publishNotReadyAddresses: false,
      affinitySeconds: null,
      notServed: [],
    }),
  });
const slice = (of: string, ...addresses: readonly string[]) =>
  row({
    $case: 'endpointSlice',
    value: encodeSlice({
      namespace: 'shop',
      name: `${of}-1`,
      service: of,
      family: 4,
      ports: [{ name: '', protocol: 'TCP', port: 8080 }],
      endpoints: addresses.map((address) => ({ address, state: 'ready', node: null })),
    }),
  });

/** The kernel's maps: fails on demand, and remembers what was written. */
class Kernel {
  readonly maps = new KernelMaps();
  written: Step[] = [];
  reads = 0;
  seed = '';
  /** Thrown in place of the write of a frontend. */
  failure: Error | null = null;

  setSeed(seed: string): void {
    this.seed = seed;
  }

  async read(): Promise<KernelServices> {
    this.reads += 1;
    return this.maps.held();
  }

  async apply(steps: readonly Step[]): Promise<void> {
    let refused: Error | null = null;
    for (const step of steps) {
      if (step.map === 'frontends' && step.key.protocol !== null && this.failure !== null) {
        this.maps.interrupted = !(this.failure instanceof DatapathError);
        refused = this.failure;
        if (this.maps.interrupted) break;
        continue;
      }
      this.maps.write(step);
      this.written.push(step);
    }
    if (refused !== null) throw refused;
    this.maps.interrupted = false;
  }
}

let kernel: Kernel;
const open = () => new Services({ kernel, table: { size: 251, seed: 'lab' }, log: silentLog });
const batch = (...changed: readonly ReturnType<typeof row>[]) => ({ changed, removed: [] });

it('tables keep the size and the seed that they were begun with, whatever is wanted later', () => {
  const files = new Map<string, unknown>();
  const state = {
    read: <T>(name: string) => (files.get(name) as T | undefined) ?? null,
    write: (name: string, value: unknown) => void files.set(name, value),
  };
  const warnings: unknown[] = [];
  const log = { warn: (fields: object) => void warnings.push(fields) };
  const first = { size: 16381, seed: 'default' } as const;
  expect(keptTableOptions(state, first, log)).toEqual(first);
  expect(keptTableOptions(state, first, log)).toEqual(first);
  expect(warnings).toEqual([]);
  for (const wanted of [{ size: 509, seed: 'default' } as const, { size: 16381, seed: 'other' } as const])
    expect(keptTableOptions(state, wanted, log)).toEqual(first);
  expect(warnings).toHaveLength(2);
});

describe('Services of a node', () => {
  beforeEach(() => {
    kernel = new Kernel();
  });

  it('writes what the stream says, from the first batch on', async () => {
    const services = open();
    await services.applyBatch(batch(service('web', '10.96.0.1'), slice('web', '10.244.0.1')));
    expect(kernel.seed).toBe('lab');
    expect(kernel.maps.lookup('10.96.0.1:80/TCP', 0)).toBe('10.244.0.1:8080');
    await services.applyBatch({ changed: [], removed: [{ key: 'EndpointSlice/shop/web-1', revision }] });
    expect(kernel.maps.lookup('10.96.0.1:80/TCP', 0)).toBe('refused');
    expect(kernel.reads).toBe(1);
    expect(services.problems).toEqual([]);
  });

  it('D9: goes on from what the kernel holds and writes nothing that is as it should be', async () => {
    await open().applyBatch(batch(service('web', '10.96.0.1'), slice('web', '10.244.0.1', '10.244.0.2'), service('old', '10.96.0.2')));
    kernel.written = [];
    await open().applyBatch(batch(service('web', '10.96.0.1'), slice('web', '10.244.0.1', '10.244.0.2'), service('new', '10.96.0.3')));
    expect(kernel.written.some((step) => step.map === 'tables')).toBe(false);
    expect(kernel.maps.lookup('10.96.0.2:80/TCP', 0)).toBe('nowhere');
    expect(kernel.maps.lookup('10.96.0.3:80/TCP', 0)).toBe('refused');
  });

  it('looks at the kernel again after a write that failed, and leaves nothing out', async () => {
    const services = open();
    await services.applyBatch(batch(service('web', '10.96.0.1')));
    kernel.failure = new Error('broken');
    const change = batch(service('db', '10.96.0.2'), slice('web', '10.244.0.1'));
    await expect(services.applyBatch(change)).rejects.toThrow('broken');
    kernel.failure = null;
    await services.applyBatch(change);
    expect(kernel.reads).toBe(2);
    expect(kernel.maps.lookup('10.96.0.1:80/TCP', 0)).toBe('10.244.0.1:8080');
    expect(kernel.maps.lookup('10.96.0.2:80/TCP', 0)).toBe('refused');
  });

  it('C8: names what finds no room, writes the rest, and tries again with the next change', async () => {
    const services = open();
    kernel.failure = new DatapathError('full', 'x', 'no room for 10.96.0.1:80/TCP: the table frontends_v4 is full');
    await services.applyBatch(batch(service('web', '10.96.0.1'), slice('web', '10.244.0.1')));
    expect(services.problems).toEqual(['no room for 10.96.0.1:80/TCP: the table frontends_v4 is full']);
    expect(kernel.maps.frontends.has('10.96.0.1')).toBe(true);
    kernel.failure = null;
    await services.applyBatch(batch(service('db', '10.96.0.2')));
    expect(kernel.maps.lookup('10.96.0.1:80/TCP', 0)).toBe('10.244.0.1:8080');
    expect(services.problems).toEqual([]);
  });

  it('C8: a row that cannot be read counts as gone and is named until it is mended', async () => {
    const services = open();
    await services.applyBatch(batch(service('web', '10.96.0.1')));
    const broken = service('web', '10.96.0.1');
    if (broken.row.object?.$case === 'service') broken.row.object.value.type = 'Gateway';
    await services.applyBatch(batch(broken));
    expect(services.problems).toEqual(['Service/shop/web: type "Gateway" is unknown']);
    expect(kernel.maps.lookup('10.96.0.1:80/TCP', 0)).toBe('nowhere');
    await services.applyBatch(batch(service('web', '10.96.0.1')));
    expect(services.problems).toEqual([]);
  });
});
