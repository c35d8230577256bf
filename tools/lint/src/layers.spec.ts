import { describe, expect, it } from 'vitest';
import { checkImports, type Layer, type Package } from './layers.ts';

const pack = (name: string, folder: string, layer: Layer, ...dependencies: string[]): Package => ({
  name: `@myelin/${name}`,
  folder,
  layer,
  dependencies: new Set(dependencies),
});
const packages = [
  pack('address', 'libs/address', 'pure'),
  pack('policy-compile', 'libs/policy-compile', 'pure', '@myelin/address', '@myelin/rpc', '@myelin/contracts', 'ioredis', 'yaml'),
  pack('contracts', 'libs/contracts', 'contract'),
  pack('rpc', 'libs/rpc', 'adapter', '@grpc/grpc-js', '@myelin/datapath'),
  pack('datapath', 'libs/datapath', 'kernel'),
  pack('node-agent', 'apps/node-agent', 'app', '@myelin/datapath', '@myelin/cli', '@grpc/grpc-js'),
  pack('cli', 'apps/cli', 'app', '@myelin/datapath'),
];
const problems = (file: string, specifier: string) => checkImports(packages, [{ file, specifier }]);

describe('checkImports', () => {
  it('lets a pure lib import a pure lib and a pure package', () => {
    expect(problems('libs/policy-compile/src/a.ts', '@myelin/address')).toEqual([]);
    expect(problems('libs/policy-compile/src/a.ts', 'yaml')).toEqual([]);
  });
  it('refuses an adapter and a client of the outside world in a pure lib', () => {
    expect(problems('libs/policy-compile/src/a.ts', '@myelin/rpc')[0]).toContain('layer "pure" must not import');
    expect(problems('libs/policy-compile/src/a.ts', 'ioredis')[0]).toContain('belongs in adapters');
  });
  it('lets pure code name message-only contracts, but no service', () => {
    expect(problems('libs/policy-compile/src/a.ts', '@myelin/contracts/flow')).toEqual([]);
    expect(problems('libs/policy-compile/src/a.ts', '@myelin/contracts/policy')).toHaveLength(1);
  });
  it('keeps the kernel to the node agent', () => {
    expect(problems('apps/node-agent/src/adapters/a.ts', '@myelin/datapath')).toEqual([]);
    expect(problems('apps/cli/src/a.ts', '@myelin/datapath')).toHaveLength(1);
    expect(problems('libs/rpc/src/a.ts', '@myelin/datapath')).toHaveLength(1);
  });
  it('keeps apps apart', () => {
    expect(problems('apps/node-agent/src/a.ts', '@myelin/cli')[0]).toContain('apps talk over gRPC');
  });
  it('keeps gRPC to the adapters and handlers of an app', () => {
    expect(problems('apps/node-agent/src/handlers/a.ts', '@grpc/grpc-js')).toEqual([]);
    expect(problems('apps/node-agent/src/domain/a.ts', '@grpc/grpc-js')).toHaveLength(1);
  });
  it('wants every imported package declared, and none reached by path', () => {
    expect(problems('libs/address/src/a.ts', 'yaml')[0]).toContain("doesn't declare");
    expect(problems('libs/address/src/a.ts', '../../labels/src/index.ts')[0]).toContain('leaves libs/address');
  });
  it('leaves tests free', () => {
    expect(problems('libs/address/src/a.spec.ts', 'ipaddr.js')).toEqual([]);
  });
});
