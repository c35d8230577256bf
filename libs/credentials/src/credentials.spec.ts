import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authority } from './authority.ts';
import { Credentials } from './credentials.ts';
import { tlsProblems } from './fields.ts';

const minute = 60_000;
const within = (from: number, to: number) => ({ from: new Date(Date.now() + from * minute), to: new Date(Date.now() + to * minute) });
const self = { kind: 'service', name: 'ipam' } as const;

let folder: string;
let authority: Authority;
const at = (name: string) => join(folder, name);
const files = () => ({ ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-credentials-'));
  authority = Authority.create('lab', within(-9, 9));
  writeFileSync(files().ca, authority.cert);
  write(authority.issue(self, within(-2, 2)));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write({ cert, key }: { readonly cert: string; readonly key: string }): void {
  writeFileSync(files().cert, cert);
  writeFileSync(files().key, key);
}

const open = (readiness = new Readiness(), log = silentLog) => Credentials.open({ files: files(), self, log, readiness });

describe('opening', () => {
  it('gives what the files hold, and the name', () => {
    expect(open().current).toMatchObject({ name: { trustDomain: 'lab', ...self } });
  });

  it('says of every file what is wrong with it and how to mend that', () => {
    const cases: readonly (readonly [() => void, string])[] = [
      [() => rmSync(files().cert), `can't read ${files().cert} (ENOENT): put the file there, or name another one by --tls-cert`],
      [() => writeFileSync(files().ca, 'nothing'), `${files().ca} holds no certificate: PEM is expected`],
      [() => writeFileSync(files().key, 'nothing'), `${files().key} holds no key that can be read: PEM without a passphrase is expected`],
      [
        () => writeFileSync(files().key, authority.issue(self, within(-1, 1)).key),
        `the key ${files().key} doesn't belong to the certificate ${files().cert}: give both of one issue`,
      ],
      [
        () => writeFileSync(files().ca, Authority.create('lab', within(-9, 9)).cert),
        `the certificate ${files().cert} isn't signed by an authority in ${files().ca}: give the certificate of the one that signed it`,
      ],
      [
        () => write(authority.issue({ kind: 'node', name: 'ipam' }, within(-1, 1))),
        `the certificate ${files().cert} is made out to spiffe://lab/node/ipam, and this is service "ipam": give its own certificate`,
      ],
      [() => write(authority.issue(self, within(-3, -1))), 'put a new one in its place; no restart is needed'],
      [() => write(authority.issue(self, within(1, 3))), 'set the clock, or put a new one'],
    ];
    for (const [spoil, message] of cases) {
      writeFileSync(files().ca, authority.cert);
      write(authority.issue(self, within(-2, 2)));
      spoil();
      expect(() => open(), message).toThrow(
        expect.objectContaining({ code: 'failed_precondition', message: expect.stringContaining(message) }),
      );
    }
  });
});

describe('files that change', () => {
  it('are in use once they fit together, not before; listeners hear of it once', () => {
    const credentials = open();
    const heard: Buffer[] = [];
    credentials.onChange(({ cert }) => heard.push(cert));
    const before = credentials.current;
    const next = authority.issue(self, within(-2, 5));
    writeFileSync(files().cert, next.cert);
    credentials.check();
    expect(credentials.current).toBe(before);
    writeFileSync(files().key, next.key);
    credentials.check();
    credentials.check();
    expect(credentials.current.cert.toString()).toBe(next.cert);
    expect(heard.map(String)).toEqual([next.cert]);
  });

  it('that stay wrong are told once, and what was in use stays until it has expired', () => {
    const warnings: unknown[] = [];
    const log = { ...silentLog, info: () => {}, warn: (fields: unknown) => warnings.push(fields) } as unknown as Log;
    const readiness = new Readiness();
    const credentials = open(readiness, log);
    writeFileSync(files().key, 'nothing');
    for (let i = 0; i < 4; i++) credentials.check();
    expect(warnings).toEqual([{ reason: `${files().key} holds no key that can be read: PEM without a passphrase is expected` }]);
    expect(readiness.isReady).toBe(true);
    write(authority.issue(self, within(-2, 3)));
    credentials.check();
    expect(readiness.isReady).toBe(true);
  });

  it('that have expired make the process say so, until others are there', () => {
    const readiness = new Readiness();
    const credentials = open(readiness);
    write(authority.issue(self, within(-3, -1)));
    credentials.check();
    expect(readiness.missing).toEqual([{ name: 'certificate', reason: expect.stringContaining('expired at') }]);
    write(authority.issue(self, within(-3, 1)));
    credentials.check();
    expect(readiness.isReady).toBe(true);
  });
});

describe('the flags', () => {
  const none = { tlsCa: null, tlsCert: null, tlsKey: null, insecure: false };
  const all = { tlsCa: 'a', tlsCert: 'b', tlsKey: 'c', insecure: false };

  it('come all three, or none and a word that this is meant', () => {
    expect(tlsProblems(all)).toEqual([]);
    expect(tlsProblems({ ...none, insecure: true })).toEqual([]);
    expect(tlsProblems(none)).toEqual([expect.stringContaining('certificates are missing')]);
    expect(tlsProblems({ ...all, tlsKey: null })).toEqual(['--tls-key is missing: the three belong together']);
    expect(tlsProblems({ ...all, insecure: true })).toEqual([expect.stringContaining('leave out one or the other')]);
  });
});
