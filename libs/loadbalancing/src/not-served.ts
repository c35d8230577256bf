import type { NotServed } from './model.ts';
import type { ServiceManifest } from './service-schema.ts';

const topologyAnnotations = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];

type Say = (path: string, what: string) => void;

function sayOfPorts({ spec }: ServiceManifest, say: Say): void {
  spec.ports?.forEach(({ protocol, nodePort }, index) => {
    if (protocol === 'SCTP') say(`spec.ports[${index}].protocol`, 'SCTP is not balanced');
    if (nodePort) say(`spec.ports[${index}].nodePort`, `port ${nodePort} of the nodes is not served`);
  });
}

function sayOfOutside({ spec }: ServiceManifest, say: Say): void {
  if (spec.type === 'LoadBalancer') say('spec.type', 'the load balancer’s address is not served');
  if (spec.externalIPs?.length) say('spec.externalIPs', `${spec.externalIPs.join(', ')}: not served`);
  if (spec.loadBalancerIP) say('spec.loadBalancerIP', `${spec.loadBalancerIP}: not served`);
  if (spec.loadBalancerSourceRanges?.length)
    say('spec.loadBalancerSourceRanges', 'nothing is let in from outside, whatever address it comes from');
  if (spec.externalTrafficPolicy === 'Local') say('spec.externalTrafficPolicy', 'nothing is let in from outside, by whatever node');
  if (spec.healthCheckNodePort) say('spec.healthCheckNodePort', `nobody answers health checks at port ${spec.healthCheckNodePort}`);
  if (spec.type === 'ExternalName') say('spec.externalName', 'a name for DNS to answer; there is nothing to balance');
}

function sayOfChoice({ spec, metadata }: ServiceManifest, say: Say): void {
  if (spec.internalTrafficPolicy === 'Local')
    say('spec.internalTrafficPolicy', 'endpoints of every node are used, not those of the client’s alone');
  if (spec.trafficDistribution) say('spec.trafficDistribution', `${spec.trafficDistribution}: all endpoints are used alike, near or far`);
  for (const annotation of topologyAnnotations) {
    const value = metadata.annotations?.[annotation];
    if (value !== undefined && value !== '' && value.toLowerCase() !== 'disabled')
      say(`metadata.annotations["${annotation}"]`, 'all endpoints are used alike, near or far');
  }
}

/** What a Service asks for and doesn't get, sorted by path. Everything else it asks for is done, or means nothing to traffic. */
export function notServedOf(manifest: ServiceManifest): readonly NotServed[] {
  const list: NotServed[] = [];
  const say: Say = (path, what) => list.push({ path, what });
  sayOfPorts(manifest, say);
  sayOfOutside(manifest, say);
  sayOfChoice(manifest, say);
  return list.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
