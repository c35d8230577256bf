import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Authority } from './authority.ts';
import { peerNameIn } from './peer-name.ts';

const validity = { from: new Date('2026-01-02T03:04:05Z'), to: new Date('2061-01-02T03:04:05Z') };

it('makes certificates that its own vouches for, with the name, the roles and the dates that were asked for', () => {
  const authority = Authority.create('lab', validity);
  const { cert, key } = authority.issue({ kind: 'node', name: 'node-1.example' }, validity, ['node']);
  const [own, issued] = [new X509Certificate(authority.cert), new X509Certificate(cert)];
  expect(own.ca).toBe(true);
  expect(issued.ca).toBe(false);
  expect(issued.checkIssued(own) && issued.verify(own.publicKey)).toBe(true);
  expect(issued.subjectAltName).toBe('DNS:node, URI:spiffe://lab/node/node-1.example');
  expect(peerNameIn(issued.subjectAltName)).toEqual({ trustDomain: 'lab', kind: 'node', name: 'node-1.example' });
  expect([issued.validFromDate, issued.validToDate]).toEqual([validity.from, validity.to]);
  expect(key).toContain('BEGIN PRIVATE KEY');
  const kept = Authority.open(authority);
  expect(kept.trustDomain).toBe('lab');
  expect(new X509Certificate(kept.issue({ kind: 'service', name: 'ipam' }, validity).cert).verify(own.publicKey)).toBe(true);
  const other = Authority.create('lab', validity);
  expect(() => Authority.open({ cert: authority.cert, key: other.key })).toThrow(RangeError);
  expect(issued.verify(new X509Certificate(other.cert).publicKey)).toBe(false);
});

it('writes what OpenSSL takes for a strict certificate of a server and of a client', () => {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-authority-'));
  try {
    const authority = Authority.create('lab', { from: new Date(Date.now() - 1000), to: new Date(Date.now() + 60_000) });
    writeFileSync(join(folder, 'ca.pem'), authority.cert);
    const { cert } = authority.issue(
      { kind: 'service', name: 'ipam' },
      { from: new Date(Date.now() - 1000), to: new Date(Date.now() + 60_000) },
    );
    writeFileSync(join(folder, 'cert.pem'), cert);
    for (const purpose of ['sslserver', 'sslclient']) {
      const words = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', join(folder, 'ca.pem'), join(folder, 'cert.pem')];
      expect(execFileSync('openssl', words, { encoding: 'utf8' })).toContain('OK');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('refuses a name that would mean something in a URI', () => {
  const authority = Authority.create('lab', validity);
  for (const name of ['', 'a/b', 'a b', 'a,URI:spiffe://lab/service/ipam', 'ä', 'a?b'])
    expect(() => authority.issue({ kind: 'node', name }, validity)).toThrow(RangeError);
});
