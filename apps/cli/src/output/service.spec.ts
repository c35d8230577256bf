import { type ListedService, Service } from '@myelin/contracts/loadbalancing';
import { describe, expect, it } from 'vitest';
import { describeService, serviceRow } from './service.ts';

const listed = (parts: Partial<ListedService> = {}): ListedService => ({
  service: Service.fromPartial({
    namespace: 'shop',
    name: 'web',
    type: 'NodePort',
    clusterIps: ['10.96.0.1', 'fd00:96::1'],
    ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: { $case: 'targetName', value: 'http-main' } }],
    hasSelector: true,
    selector: [{ key: 'app', value: 'web' }],
    affinitySeconds: 600,
    created: '2026-11-30T12:00:00Z',
    notServed: [{ path: 'spec.ports[0].nodePort', what: 'port 30080 of the nodes is not served' }],
  }),
  frontends: ['10.96.0.1:80/TCP', '[fd00:96::1]:80/TCP'],
  taken: [],
  pools: [
    {
      name: 'shop/web:80/TCP/IPv4',
      backends: [
        { address: '10.244.0.1', port: 8080, state: 'ready', node: 'node-1' },
        { address: '10.244.0.2', port: 8081, state: 'terminating', node: '' },
      ],
    },
    { name: 'shop/web:80/TCP/IPv6', backends: [] },
  ],
  ...parts,
});

describe('service list', () => {
  it('has a line with what is ready and what is not served', () => {
    expect(serviceRow(listed())).toEqual(['shop', 'web', 'NodePort', '10.96.0.1,fd00:96::1', '80/TCP', '1/2', 'spec.ports[0].nodePort']);
  });
  it('tells headless Services, and those whose frontend another one has', () => {
    const headless = Service.fromPartial({ namespace: 'shop', name: 'db', type: 'ClusterIP', headless: true });
    expect(serviceRow(listed({ service: headless, frontends: [], pools: [] })).slice(3)).toEqual(['None', '-', '-', '-']);
    expect(serviceRow(listed({ taken: [{ frontend: '10.96.0.1:80/TCP', by: 'shop/old' }] })).at(-1)).toBe(
      'a taken frontend, spec.ports[0].nodePort',
    );
  });
});

describe('service describe', () => {
  it('shows each frontend with its backends, and says where nobody answers', () => {
    expect(describeService(listed({ taken: [{ frontend: '10.96.0.1:81/TCP', by: 'shop/old' }] }))).toBe(`Service shop/web
  Type        NodePort
  ClusterIPs  10.96.0.1, fd00:96::1
  Selector    app=web
  Affinity    by client address, 600 s
  Created     2026-11-30T12:00:00Z

FRONTEND              TARGET      BACKEND           STATE         NODE
10.96.0.1:80/TCP      http-main   10.244.0.1:8080   ready         node-1
                                  10.244.0.2:8081   terminating   -
[fd00:96::1]:80/TCP   http-main   none: refused     -             -

Taken by older Services:
  10.96.0.1:81/TCP: shop/old

Not served yet:
  spec.ports[0].nodePort: port 30080 of the nodes is not served`);
  });
  it('shows a Service without frontends', () => {
    expect(describeService(listed({ frontends: [], pools: [] }))).toContain('No frontends.');
  });
});
