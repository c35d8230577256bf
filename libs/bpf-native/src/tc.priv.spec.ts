import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BpfMap } from './map.ts';
import type { BpfObject } from './object.ts';
import type { BpfProgram } from './program.ts';
import { interfaceIndex, interfaceName } from './system.ts';
import { attachFilter, attachTcx, detachFilter, detachTcx, filterProgram, removeClsact, type TcHook, TcxLink, tcxPrograms } from './tc.ts';
import { loadSample, PinFolder, u32 } from './testing/sample.ts';

const near = `mn${process.pid}a`;
const far = `mn${process.pid}b`;
const place = { handle: 1, priority: 50 };
const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });

function addInterfaces(): void {
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far);
  for (const name of [near, far]) {
    ip('link', 'set', name, 'addrgenmode', 'none');
    ip('link', 'set', name, 'up');
  }
  ip('address', 'add', 'fe80::1/64', 'dev', near, 'nodad');
}

/** Sends one datagram out of the near interface. */
async function sendPacket(): Promise<void> {
  const socket = createSocket('udp6');
  await new Promise<void>((resolve, reject) => {
    socket.send('x', 9, `ff02::1%${near}`, (error) => (error ? reject(error) : resolve()));
  });
  socket.close();
}

describe('attaching to an interface', () => {
  let object: BpfObject;
  let first: BpfProgram;
  let second: BpfProgram;
  let globals: BpfMap;
  let hook: TcHook;

  /** How often `count_and_answer` has run. */
  const packets = () => globals.lookup(u32(0))!.readBigUInt64LE();

  beforeAll(async () => {
    object = await loadSample((sample) => sample.setVariable('answer', u32(0)));
    first = object.program('count_and_answer');
    second = object.program('send_large_record');
    globals = object.map('sample.bss');
  });
  afterAll(() => {
    for (const closable of [first, second, globals, object]) closable.close();
  });
  beforeEach(() => {
    addInterfaces();
    hook = { ifindex: interfaceIndex(near)!, direction: 'egress' };
    return () => {
      if (interfaceIndex(near) !== null) ip('link', 'delete', near);
    };
  });

  it('finds interfaces by name and by index', () => {
    expect(interfaceName(hook.ifindex)).toBe(near);
    expect(interfaceIndex('no-such-one')).toBeNull();
    expect(interfaceName(0x7fffffff)).toBeNull();
  });

  describe('by tcx', () => {
    it('runs the program on packets until the link is closed', async () => {
      const before = packets();
      const link = TcxLink.attach(first, hook);
      expect(tcxPrograms(hook)).toEqual([first.info.id]);
      expect(link.info).toMatchObject({ programId: first.info.id, ifindex: hook.ifindex, attachType: 47 });
      await sendPacket();
      expect(packets()).toBeGreaterThan(before);
      link.close();
      expect(tcxPrograms(hook)).toEqual([]);
      const after = packets();
      await sendPacket();
      expect(packets()).toBe(after);
    });

    it('keeps a pinned program attached, and replaces it in place', () => {
      using pins = new PinFolder();
      expect(attachTcx(first, hook, pins.pin('link'))).toBe('attached');
      const link = TcxLink.openPinned(pins.pin('link'));
      const { id } = link.info;
      expect(attachTcx(second, hook, pins.pin('link'))).toBe('replaced');
      expect(link.info).toMatchObject({ id, programId: second.info.id });
      expect(tcxPrograms(hook)).toEqual([second.info.id]);
      link.close();
    });

    it('detaches a pinned program and removes the pin', () => {
      using pins = new PinFolder();
      attachTcx(first, hook, pins.pin('link'));
      expect(detachTcx(pins.pin('link'))).toBe(true);
      expect(tcxPrograms(hook)).toEqual([]);
      expect(existsSync(pins.pin('link'))).toBe(false);
      expect(detachTcx(pins.pin('link'))).toBe(false);
    });

    it('attaches anew where the pinned link has lost its interface', () => {
      using pins = new PinFolder();
      attachTcx(first, hook, pins.pin('link'));
      ip('link', 'delete', near);
      addInterfaces();
      const again = { ...hook, ifindex: interfaceIndex(near)! };
      expect(attachTcx(first, again, pins.pin('link'))).toBe('attached');
      expect(tcxPrograms(again)).toEqual([first.info.id]);
      ip('link', 'delete', near);
      expect(detachTcx(pins.pin('link'))).toBe(true);
    });

    it('says when there is no such interface', () => {
      expect(() => TcxLink.attach(first, { ifindex: 0x7fffffff, direction: 'ingress' })).toThrow(
        expect.objectContaining({ op: 'link.create', code: 'ENODEV' }),
      );
    });
  });

  describe('by a clsact filter', () => {
    it('runs the program on packets until the filter is removed', async () => {
      const before = packets();
      attachFilter(first, hook, place);
      expect(filterProgram(hook, place)).toBe(first.info.id);
      expect(filterProgram({ ...hook, direction: 'ingress' }, place)).toBeNull();
      await sendPacket();
      expect(packets()).toBeGreaterThan(before);
      expect(detachFilter(hook, place)).toBe(true);
      expect(detachFilter(hook, place)).toBe(false);
      const after = packets();
      await sendPacket();
      expect(packets()).toBe(after);
    });

    it('replaces a filter in place, leaving one', () => {
      attachFilter(first, hook, place);
      attachFilter(second, hook, place);
      expect(filterProgram(hook, place)).toBe(second.info.id);
      expect(execFileSync('tc', ['filter', 'show', 'dev', near, 'egress'], { encoding: 'utf8' }).match(/handle 0x/g)).toHaveLength(1);
    });

    it('goes with its qdisc', () => {
      attachFilter(first, hook, place);
      expect(removeClsact(hook.ifindex)).toBe(true);
      expect(filterProgram(hook, place)).toBeNull();
      expect(removeClsact(hook.ifindex)).toBe(false);
      expect(detachFilter(hook, place)).toBe(false);
    });

    it('says when there is no such interface', () => {
      expect(() => attachFilter(first, { ...hook, ifindex: 0x7fffffff }, place)).toThrow(
        expect.objectContaining({ op: 'filter.attach', code: 'ENODEV' }),
      );
    });
  });
});
