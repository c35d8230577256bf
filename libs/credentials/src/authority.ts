import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { bitString, boolean, explicit, implicit, integer, octetString, oid, sequence, setOf, time, utf8String } from './der.ts';
import { formatPeerName, isNameable, type PeerName } from './peer-name.ts';

/** A certificate and its key, PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

/** When certificates hold. */
export interface Validity {
  readonly from: Date;
  readonly to: Date;
}

const oids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;
const algorithm = sequence(oid(oids.ecdsaWithSha256));
/** Bits of KeyUsage, most significant first: digitalSignature is 0, keyCertSign 5, cRLSign 6. */
const keyUsages = { sign: bitString(Buffer.from([0x80]), 7), issue: bitString(Buffer.from([0x06]), 1) };

/**
 * An authority of one trust domain: makes certificates (X.509 v3, EC P-256, ECDSA with SHA-256) that hold for both ends of a connection. For set-ups of one
 * machine and tests: a cluster has its own way to certificates, and needs nothing from here but `PeerName`.
 */
export class Authority {
  readonly trustDomain: string;
  /** Its own certificate, PEM: what peers trust. */
  readonly cert: string;
  /** Its key, PEM, PKCS #8. */
  readonly key: string;
  readonly #key: KeyObject;

  private constructor(trustDomain: string, key: KeyObject, cert: string) {
    this.trustDomain = trustDomain;
    this.#key = key;
    this.cert = cert;
    this.key = key.export({ type: 'pkcs8', format: 'pem' }) as string;
  }

  /** A new one, whose own certificate holds for `validity`. */
  static create(trustDomain: string, validity: Validity): Authority {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const name = nameOf(trustDomain);
    const extensions = [
      extension(oids.basicConstraints, sequence(boolean(true), integer(Buffer.from([0]))), true),
      extension(oids.keyUsage, keyUsages.issue, true),
    ];
    return new Authority(
      trustDomain,
      privateKey,
      certify({ issuer: privateKey, issuerName: name, subject: privateKey, name, validity, extensions }),
    );
  }

  /** The one that was kept: its own certificate and its key, PEM. Throws where they don't fit. */
  static open({ cert, key }: KeyedCertificate): Authority {
    const [certificate, privateKey] = [new X509Certificate(cert), createPrivateKey(key)];
    if (!certificate.checkPrivateKey(privateKey)) throw new RangeError("the authority's key isn't that of its certificate");
    return new Authority(/^CN=(.*)$/m.exec(certificate.subject)![1]!, privateKey, cert);
  }

  /** Makes a certificate out to a peer of its trust domain. `roles`: DNS names beside the URI, for what maps names to rights (nats-server). Throws RangeError for a name that can't stand in a URI. */
  issue(peer: Omit<PeerName, 'trustDomain'>, validity: Validity, roles: readonly string[] = []): KeyedCertificate {
    const full = { trustDomain: this.trustDomain, ...peer };
    if (!isNameable(full)) throw new RangeError(`"${peer.name}" can't stand in a certificate: letters, digits, "-", "_" and "." only`);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = [...roles.map((role) => implicit(2, Buffer.from(role))), implicit(6, Buffer.from(formatPeerName(full)))];
    const extensions = [
      extension(oids.basicConstraints, sequence(), true),
      extension(oids.keyUsage, keyUsages.sign, true),
      extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth), oid(oids.clientAuth))),
      extension(oids.subjectAltName, sequence(...names)),
    ];
    const cert = certify({
      issuer: this.#key,
      issuerName: nameOf(this.trustDomain),
      subject: privateKey,
      name: nameOf(`${peer.kind} ${peer.name}`),
      validity,
      extensions,
    });
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
  }
}

interface Certification {
  readonly issuer: KeyObject;
  readonly issuerName: Buffer;
  readonly subject: KeyObject;
  readonly name: Buffer;
  readonly validity: Validity;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, 4.1. */
function certify({ issuer, issuerName, subject, name, validity, extensions }: Certification): string {
  const keyIds = [
    extension(oids.subjectKeyIdentifier, octetString(keyId(subject))),
    extension(oids.authorityKeyIdentifier, sequence(implicit(0, keyId(issuer)))),
  ];
  const certificate = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithm,
    issuerName,
    sequence(time(validity.from), time(validity.to)),
    name,
    publicKey(subject),
    explicit(3, sequence(...extensions, ...keyIds)),
  );
  const whole = sequence(certificate, algorithm, bitString(sign('sha256', certificate, issuer)));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}

/** A distinguished name of one common name, which holds 64 characters (X.520). */
const nameOf = (text: string): Buffer => sequence(setOf(sequence(oid(oids.commonName), utf8String(text.slice(0, 64)))));
const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
const publicKey = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(publicKey(key)).digest();
