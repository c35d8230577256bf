import { type Component, field, type Log, type Readiness } from '@myelin/service';
import { Credentials, type Security } from './credentials.ts';
import type { PeerName } from './peer-name.ts';

/** Fields of every process that speaks TCP. */
export const tlsFields = {
  tlsCa: field.path<string | null>({ help: 'authorities that peers must be certified by, PEM', default: null }),
  tlsCert: field.path<string | null>({
    help: "the process's own certificate, PEM; read anew when it changes, as are the other two",
    default: null,
  }),
  tlsKey: field.path<string | null>({ help: 'the key to it, PEM', default: null }),
  insecure: field.flag({ help: 'TCP without TLS, where whoever connects may do everything: for tests on loopback' }),
};

/** What those fields read into. */
export interface TlsConfig {
  readonly tlsCa: string | null;
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly insecure: boolean;
}

/** What is wrong with them together. */
export function tlsProblems({ tlsCa, tlsCert, tlsKey, insecure }: TlsConfig): readonly string[] {
  const missing = Object.entries({ '--tls-ca': tlsCa, '--tls-cert': tlsCert, '--tls-key': tlsKey }).flatMap(([flag, path]) =>
    path === null ? [flag] : [],
  );
  if (insecure) return missing.length === 3 ? [] : ['--insecure is given beside certificates: leave out one or the other'];
  if (missing.length === 3)
    return [
      'certificates are missing: give --tls-ca, --tls-cert and --tls-key, or --insecure to speak TCP without TLS (tests on loopback only)',
    ];
  return missing.length === 0 ? [] : [`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing: the three belong together`];
}

/** What those fields, without problems, say: certificates of `self`, read, or that there are none. */
export function openSecurity(
  { tlsCa, tlsCert, tlsKey }: TlsConfig,
  self: Omit<PeerName, 'trustDomain'>,
  { log, readiness }: { readonly log: Log; readonly readiness: Readiness },
): Security {
  if (tlsCa === null || tlsCert === null || tlsKey === null) {
    log.warn('TCP without TLS (--insecure): whoever connects may do everything');
    return 'insecure';
  }
  return Credentials.open({ files: { ca: tlsCa, cert: tlsCert, key: tlsKey }, self, log, readiness });
}

/** What has to be started and stopped for it. */
export const componentsOf = (security: Security): readonly Component[] => (security === 'insecure' ? [] : [security]);
