import { IdentityServiceService } from '@myelin/contracts/identity';
import { LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { describe, expect, it } from 'vitest';
import { type Caller, checkAccess } from './access.ts';

const certified = (kind: 'service' | 'node', name: string): Caller => ({ by: 'certificate', name: { trustDomain: 'lab', kind, name } });
const agent = certified('node', 'node-1');
const register = IdentityServiceService.registerNode.path;
const health = '/grpc.health.v1.Health/Check';

describe('who may call what', () => {
  it('agents of nodes: what a node needs, for themselves only', () => {
    const node = { name: 'node-1', node: 'node-1' };
    const paths = ['registerNode', 'allocate', 'moveAddresses', 'release'] as const;
    for (const path of [
      ...paths.map((name) => IdentityServiceService[name].path),
      PolicyServiceService.subscribe.path,
      '/myelin.ipam.v1.IpamService/AcquireBlocks',
    ]) {
      expect(() => checkAccess(agent, path)(node), path).not.toThrow();
      expect(() => checkAccess(agent, path)({ name: 'node-2', node: 'node-2' }), path).toThrow(
        expect.objectContaining({
          code: 'permission_denied',
          message: `spiffe://lab/node/node-1 may not call ${path.slice(1)} for node "node-2", but for itself only`,
        }),
      );
      expect(() => checkAccess(agent, path)({}), path).toThrow('for node "undefined"');
    }
  });

  it('agents and services: nothing that changes policy, reads everything, or nobody has named', () => {
    const denied = [
      PolicyServiceService.apply.path,
      PolicyServiceService.delete.path,
      IdentityServiceService.list.path,
      ...Object.values(LoadBalancingServiceService).map(({ path }) => path),
      '/myelin.ipam.v1.IpamService/ReleaseBlocks',
      '/myelin.agent.v1.AgentService/CreateEndpoint',
      '/nobody.knows.It/All',
    ];
    for (const caller of [agent, certified('service', 'identity-allocator')])
      for (const path of denied)
        expect(() => checkAccess(caller, path), path).toThrow(expect.objectContaining({ code: 'permission_denied' }));
  });

  it('a service has no part in what is for nodes, even under the name of one', () => {
    expect(() => checkAccess(certified('service', 'node-1'), register)).toThrow(
      'spiffe://lab/service/node-1 may not call myelin.identity.v1.IdentityService/RegisterNode',
    );
  });

  it('local callers: everything; whoever proved nothing: not even health', () => {
    for (const path of [register, PolicyServiceService.apply.path, '/nobody.knows.It/All', health]) {
      expect(() => checkAccess({ by: 'local' }, path)({}), path).not.toThrow();
      expect(() => checkAccess({ by: 'nothing' }, path), path).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
    }
    expect(() => checkAccess(agent, health)({})).not.toThrow();
  });
});
