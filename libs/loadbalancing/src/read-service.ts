import { type Family, formatAddress, parseAddress } from '@myelin/address';
import { defaultNamespace } from '@myelin/manifest';
import type { Service, ServicePort } from './model.ts';
import { notServedOf } from './not-served.ts';
import type { Report } from './report.ts';
import type { ServiceManifest, ServiceSpecManifest } from './service-schema.ts';
import { specialAddress } from './special.ts';

/** Session affinity lasts so long where no time is written: 3 h, as in Kubernetes. */
const defaultAffinitySeconds = 10800;

const isNone = (text: string | null | undefined) => text?.toLowerCase() === 'none';

/** ClusterIPs that are addresses, in the order written; what the API server never lets in is reported. */
function readClusterIps(spec: ServiceSpecManifest, report: Report): readonly string[] {
  const single = spec.clusterIP ?? '';
  const list = spec.clusterIPs?.length ? spec.clusterIPs : single === '' ? [] : [single];
  if (spec.clusterIPs?.length && single !== '' && spec.clusterIPs[0] !== single)
    report(['spec', 'clusterIPs', 0], `found ${JSON.stringify(spec.clusterIPs[0])}`, `spec.clusterIP, ${JSON.stringify(single)}`);
  const read: string[] = [];
  const families = new Set<Family>();
  list.forEach((text, index) => {
    const path = spec.clusterIPs?.length ? ['spec', 'clusterIPs', index] : ['spec', 'clusterIP'];
    if (isNone(text)) {
      if (list.length > 1) report(path, 'found "None"', 'no other ClusterIP beside it');
      else if ((spec.type ?? 'ClusterIP') !== 'ClusterIP') report(path, 'found "None"', `an address: type ${spec.type} needs one`);
      return;
    }
    const parsed = parseAddress(text);
    if (parsed === null) {
      report(path, `found string ${JSON.stringify(text)}`, 'an IP address, "None" or ""');
      return;
    }
    const special = specialAddress(parsed);
    if (special !== null) report(path, `found a ${special} address`, 'an address that is nobody else’s');
    if (families.has(parsed.family)) report(path, `a second IPv${parsed.family} address`, 'at most one address of each family');
    families.add(parsed.family);
    read.push(formatAddress(parsed));
  });
  return read;
}

const familyNumber = { IPv4: 4, IPv6: 6 } as const;

/** Families that a Service is to have endpoints of: those of its addresses; where it has none, as written, both where its policy asks for both, IPv4 first. */
function readFamilies(spec: ServiceSpecManifest, clusterIps: readonly string[], report: Report): readonly Family[] {
  const written = spec.ipFamilies?.map((name) => familyNumber[name]) ?? [];
  const ofAddresses = clusterIps.map((text) => parseAddress(text)!.family);
  if (written.length === 2 && written[0] === written[1]) report(['spec', 'ipFamilies'], `IPv${written[0]} twice`, 'each family once');
  if (written.length > 0) {
    ofAddresses.forEach((family, index) => {
      if (written[index] !== family)
        report(
          ['spec', 'ipFamilies'],
          `an IPv${family} address is ClusterIP ${index + 1}`,
          'the families of the ClusterIPs, in their order',
        );
    });
  }
  if (ofAddresses.length > 0) return ofAddresses;
  const dual = spec.ipFamilyPolicy === 'PreferDualStack' || spec.ipFamilyPolicy === 'RequireDualStack';
  // A headless Service as a cluster prints it has its families written, and a cluster of one family gives it one.
  if (!dual || (written.length > 0 && isNone(spec.clusterIP ?? spec.clusterIPs?.[0]))) return written.length > 0 ? written : [4];
  const first = written[0] ?? 4;
  return [first, first === 4 ? 6 : 4];
}

function readPorts(spec: ServiceSpecManifest, portless: boolean, report: Report): readonly ServicePort[] {
  const written = spec.ports ?? [];
  if (written.length === 0 && !portless) report(['spec', 'ports'], 'no ports', 'at least one port, or clusterIP: None');
  const names = new Set<string>();
  const numbers = new Set<string>();
  return written.map(({ name: maybe, protocol = null, port, targetPort }, index) => {
    const path = ['spec', 'ports', index];
    const name = maybe ?? '';
    const number = `${port}/${protocol ?? 'TCP'}`;
    if (name === '' && written.length > 1) report([...path, 'name'], 'missing', 'a name for each of several ports');
    else if (names.has(name)) report([...path, 'name'], `found string ${JSON.stringify(name)}`, 'another name than the ports before it');
    if (numbers.has(number)) report([...path, 'port'], `${number} twice`, 'each port once for each protocol');
    names.add(name);
    numbers.add(number);
    return { name, protocol: protocol ?? 'TCP', port, targetPort: targetPort || port };
  });
}

/** What a Service of the right shape says. Problems are reported; what is returned then is not to be used. */
export function readService(manifest: ServiceManifest, report: Report): Service {
  const { metadata, spec } = manifest;
  const type = spec.type ?? 'ClusterIP';
  const headless = type === 'ClusterIP' && (isNone(spec.clusterIP) || isNone(spec.clusterIPs?.[0]));
  // Kubernetes keeps a stale clusterIP out of an ExternalName Service; where one is written all the same, it has no meaning.
  const clusterIps = type === 'ExternalName' ? [] : readClusterIps(spec, report);
  const affine = spec.sessionAffinity === 'ClientIP';
  if (!affine && spec.sessionAffinityConfig != null)
    report(['spec', 'sessionAffinityConfig'], 'configures no affinity', 'sessionAffinity: ClientIP beside it');
  return {
    namespace: metadata.namespace ?? defaultNamespace,
    name: metadata.name,
    type,
    created: metadata.creationTimestamp ?? null,
    headless,
    clusterIps,
    families: readFamilies(spec, clusterIps, report),
    requiresDualStack: spec.ipFamilyPolicy === 'RequireDualStack',
    ports: readPorts(spec, headless || type === 'ExternalName', report),
    selector: type === 'ExternalName' || Object.keys(spec.selector ?? {}).length === 0 ? null : spec.selector!,
    publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
    affinitySeconds: affine ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds) : null,
    notServed: notServedOf(manifest),
  };
}
