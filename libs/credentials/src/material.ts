import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { MyelinError } from '@myelin/service';
import { formatPeerName, type PeerName, peerNameIn } from './peer-name.ts';

/** Paths of a process's certificates, PEM. */
export interface CredentialFiles {
  /** Certificates of the authorities that are trusted. More than one while an authority is being replaced. */
  readonly ca: string;
  /** The process's own certificate, then those between it and an authority. */
  readonly cert: string;
  readonly key: string;
}

/** What those files hold, PEM. */
export type Contents = { readonly [F in keyof CredentialFiles]: Buffer };

/** Contents that fit together. */
export interface Material extends Contents {
  /** Who the process is to others. */
  readonly name: PeerName;
  readonly expires: Date;
}

/**
 * Looks whether a process can prove itself with this, as `self` (null: as anybody). Throws `failed_precondition` for what can't work: every message says which file,
 * what is wrong with it, and how to mend it. Whether it has expired is for the caller to ask: `validityProblem`.
 */
export function readMaterial(files: CredentialFiles, contents: Contents, self: Omit<PeerName, 'trustDomain'> | null): Material {
  const authorities = certificatesIn(contents.ca, files.ca);
  const chain = certificatesIn(contents.cert, files.cert);
  const own = chain[0]!;
  const key = keyIn(contents.key, files.key);
  if (!own.checkPrivateKey(key))
    throw refused(`the key ${files.key} doesn't belong to the certificate ${files.cert}: give both of one issue`);
  const top = chain.at(-1)!;
  if (!authorities.some((authority) => top.checkIssued(authority) && top.verify(authority.publicKey)))
    throw refused(
      `the certificate ${files.cert} isn't signed by an authority in ${files.ca}: give the certificate of the one that signed it`,
    );
  const name = peerNameIn(own.subjectAltName);
  if (name === null)
    throw refused(
      `the certificate ${files.cert} names no peer: it needs one URI, spiffe://<trust domain>/service/<name> or spiffe://<trust domain>/node/<name> (it has ${own.subjectAltName ?? 'none'})`,
    );
  if (self !== null && (name.kind !== self.kind || name.name !== self.name))
    throw refused(
      `the certificate ${files.cert} is made out to ${formatPeerName(name)}, and this is ${self.kind} "${self.name}": give its own certificate`,
    );
  return { ...contents, name, expires: own.validToDate };
}

/** What is wrong with a certificate's dates at a moment; null for nothing. */
export function validityProblem(files: CredentialFiles, material: Material, now: Date): string | null {
  const { validFromDate: from, validToDate: to } = new X509Certificate(material.cert);
  const mend = 'put a new one in its place; no restart is needed';
  if (now > to) return `the certificate ${files.cert} expired at ${to.toISOString()}: ${mend}`;
  if (now < from) return `the certificate ${files.cert} holds from ${from.toISOString()} on: set the clock, or ${mend}`;
  return null;
}

const refused = (message: string, cause?: unknown) => new MyelinError('failed_precondition', message, { cause });

/** All certificates of a PEM file, at least one. */
function certificatesIn(pem: Buffer, file: string): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw refused(`${file} holds no certificate: PEM is expected`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw refused(`${file} holds a certificate that can't be read: PEM of X.509 is expected (${(cause as Error).message})`, cause);
  }
}

function keyIn(pem: Buffer, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw refused(`${file} holds no key that can be read: PEM without a passphrase is expected`, cause);
  }
}
