import { formatAddress, parseAddress } from '@myelin/address';
import { defaultNamespace } from '@myelin/manifest';
import type { EndpointSlice, EndpointState, SliceEndpoint } from './model.ts';
import type { Report } from './report.ts';
import type { EndpointSliceManifest } from './slice-schema.ts';
import { specialAddress } from './special.ts';

/** Label that says whose endpoints a slice holds. */
export const serviceNameLabel = 'kubernetes.io/service-name';

type EndpointManifest = NonNullable<EndpointSliceManifest['endpoints']>[number];

/** As the API reference reads conditions: unknown readiness is ready; unknown serving is as readiness; unknown terminating is no. */
function stateOf({ conditions }: EndpointManifest): EndpointState {
  const ready = conditions?.ready ?? true;
  if (ready) return 'ready';
  const serving = conditions?.serving ?? ready;
  return serving && conditions?.terminating === true ? 'terminating' : 'unready';
}

/** What an EndpointSlice of the right shape says. Problems are reported; what is returned then is not to be used. */
export function readEndpointSlice(manifest: EndpointSliceManifest, report: Report): EndpointSlice {
  const { metadata, addressType } = manifest;
  const family = addressType === 'FQDN' ? null : addressType === 'IPv4' ? 4 : 6;
  const readEndpoint = (endpoint: EndpointManifest, index: number): SliceEndpoint[] => {
    if (family === null) return [];
    // Kubernetes: no semantics are defined for addresses beyond the first, and nobody looks at them.
    const parsed = parseAddress(endpoint.addresses[0]!);
    if (parsed?.family !== family) {
      report(['endpoints', index, 'addresses', 0], `found string ${JSON.stringify(endpoint.addresses[0])}`, `an ${addressType} address`);
      return [];
    }
    const special = specialAddress(parsed);
    if (special !== null) report(['endpoints', index, 'addresses', 0], `found a ${special} address`, 'the address of an endpoint');
    return [{ address: formatAddress(parsed), state: stateOf(endpoint), node: endpoint.nodeName ?? null }];
  };
  return {
    namespace: metadata.namespace ?? defaultNamespace,
    name: metadata.name,
    service: metadata.labels?.[serviceNameLabel] ?? null,
    family,
    // A port without a number says that endpoints take any; a Service's traffic needs one.
    ports: (manifest.ports ?? []).flatMap(({ name, protocol, port }) =>
      port == null ? [] : [{ name: name ?? '', protocol: protocol ?? 'TCP', port }],
    ),
    endpoints: (manifest.endpoints ?? []).flatMap(readEndpoint),
  };
}
