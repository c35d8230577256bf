import type * as wire from '@myelin/contracts/loadbalancing';
import { compareText } from '@myelin/labels';
import type { EndpointSlice, Service, ServicePort } from '@myelin/loadbalancing';

/** Service → message. */
export function encodeService(service: Service): wire.Service {
  const { namespace, name, type, headless, requiresDualStack, publishNotReadyAddresses } = service;
  return {
    namespace,
    name,
    type,
    created: service.created ?? '',
    headless,
    clusterIps: [...service.clusterIps],
    families: [...service.families],
    requiresDualStack,
    ports: service.ports.map(encodePort),
    hasSelector: service.selector !== null,
    selector: Object.entries(service.selector ?? {})
      .map(([key, value]) => ({ key, value }))
      .sort((a, b) => compareText(a.key, b.key)),
    publishNotReadyAddresses,
    affinitySeconds: service.affinitySeconds ?? 0,
    notServed: service.notServed.map(({ path, what }) => ({ path, what })),
  };
}

const encodePort = ({ name, protocol, port, targetPort }: ServicePort): wire.ServicePort => ({
  name,
  protocol,
  port,
  targetPort: typeof targetPort === 'number' ? { $case: 'targetNumber', value: targetPort } : { $case: 'targetName', value: targetPort },
});

/** EndpointSlice → message. */
export function encodeSlice({ namespace, name, service, family, ports, endpoints }: EndpointSlice): wire.EndpointSlice {
  return {
    namespace,
    name,
    service: service ?? '',
    family: family ?? 0,
    ports: ports.map((port) => ({ name: port.name, protocol: port.protocol, port: port.port })),
    endpoints: endpoints.map(({ address, state, node }) => ({ address, state, node: node ?? '' })),
  };
}
