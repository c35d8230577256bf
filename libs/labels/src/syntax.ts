/*
 * What Kubernetes accepts as names, label keys and values (apimachinery's validation). Each check returns null, or what is expected,
 * as half a sentence for an error message.
 */

const dnsLabelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const namePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** RFC 1123 label: names of namespaces and of container ports' hosts. */
export function expectedDnsLabel(text: string): string | null {
  if (text.length <= 63 && dnsLabelPattern.test(text)) return null;
  return 'at most 63 of a-z, 0-9 and "-", first and last a letter or digit';
}

/** RFC 1123 subdomain: names of pods, nodes, policies. */
export function expectedDnsSubdomain(text: string): string | null {
  if (text.length <= 253 && dnsSubdomainPattern.test(text)) return null;
  return 'at most 253 of a-z, 0-9, "-" and ".", each part between dots first and last a letter or digit';
}

/** Label key: a name of at most 63 characters, with an optional DNS prefix before a slash. */
export function expectedLabelKey(text: string): string | null {
  const slash = text.indexOf('/');
  const name = text.slice(slash + 1);
  if (slash >= 0 && expectedDnsSubdomain(text.slice(0, slash)) !== null) return 'a DNS name before the slash of a label key';
  if (name.length <= 63 && namePattern.test(name)) return null;
  return 'a label key: [prefix/]name, the name at most 63 of A-Z, a-z, 0-9, "-", "_" and ".", first and last a letter or digit';
}

/** Label value: empty, or as the name in a label key. */
export function expectedLabelValue(text: string): string | null {
  if (text === '' || (text.length <= 63 && namePattern.test(text))) return null;
  return 'a label value: empty, or at most 63 of A-Z, a-z, 0-9, "-", "_" and ".", first and last a letter or digit';
}

/** Name of a container port (IANA service name). */
export function expectedPortName(text: string): string | null {
  const fits = text.length <= 15 && dnsLabelPattern.test(text) && /[a-z]/.test(text) && !text.includes('--');
  return fits ? null : 'a port name: at most 15 of a-z, 0-9 and single "-", at least one letter, first and last a letter or digit';
}
