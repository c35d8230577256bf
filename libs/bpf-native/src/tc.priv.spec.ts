import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BpfMap } from './map.ts';
import type { BpfObject } from './object.ts';
import type { BpfProgram } from './program.ts';
import { interfaceIndex, interfaceName } from './system.ts';
import {
  attachFilter,
  attachTcx,
  detachFilter,
  detachTcx,
  filterProgram,
  removeClsact,
  replaceTcx,
  type TcHook,
  TcxLink,
  tcxPrograms,
} from './tc.ts';
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
      const link = await TcxLink.attach(first, hook);
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

    it('keeps a pinned program attached, and replaces it in place', async () => {
      using pins = new PinFolder();
      expect(await replaceTcx(first, hook, pins.pin('link'))).toBe(false);
      expect(await attachTcx(first, hook, pins.pin('link'))).toBe('attached');
      const link = TcxLink.openPinned(pins.pin('link'));
      const { id } = link.info;
      expect(await attachTcx(second, hook, pins.pin('link'))).toBe('replaced');
      expect(link.info).toMatchObject({ id, programId: second.info.id });
      expect(tcxPrograms(hook)).toEqual([second.info.id]);
      link.close();
    });

    it('detaches a pinned program and removes the pin', async () => {
      using pins = new PinFolder();
      await attachTcx(first, hook, pins.pin('link'));
      expect(await detachTcx(pins.pin('link'))).toBe(true);
      expect(tcxPrograms(hook)).toEqual([]);
      expect(existsSync(pins.pin('link'))).toBe(false);
      expect(await detachTcx(pins.pin('link'))).toBe(false);
    });

    it('attaches anew where the pinned link has lost its interface', async () => {
      using pins = new PinFolder();
      await attachTcx(first, hook, pins.pin('link'));
      ip('link', 'delete', near);
      addInterfaces();
      const again = { ...hook, ifindex: interfaceIndex(near)! };
      expect(await attachTcx(first, again, pins.pin('link'))).toBe('attached');
      expect(tcxPrograms(again)).toEqual([first.info.id]);
      ip('link', 'delete', near);
      expect(await detachTcx(pins.pin('link'))).toBe(true);
    });

    it('attaches in both directions at once, off the main thread', async () => {
      let turns = 0;
      const turning = setInterval(() => {
        turns += 1;
      });
      const directions = ['ingress', 'egress'] as const;
      const links = await Promise.all(directions.map((direction) => TcxLink.attach(first, { ...hook, direction })));
      clearInterval(turning);
      expect(directions.map((direction) => tcxPrograms({ ...hook, direction }))).toEqual([[first.info.id], [first.info.id]]);
      // The event loop went on meanwhile: a grace period is longer than its turns.
      expect(turns).toBeGreaterThan(0);
      for (const link of links) link.close();
    });

    it('works on with a program that is closed meanwhile', async () => {
      const program = object.program('count_and_answer');
      const attaching = TcxLink.attach(program, hook);
      program.close();
      const link = await attaching;
      expect(link.info.programId).toBe(first.info.id);
      link.close();
    });

    it('says when there is no such interface', async () => {
      await expect(TcxLink.attach(first, { ifindex: 0x7fffffff, direction: 'ingress' })).rejects.toMatchObject({
        name: 'BpfError',
        op: 'link.create',
        code: 'ENODEV',
      });
    });

    it('fails or is cut off with the interface that goes meanwhile, and leaves nothing behind', async () => {
      using pins = new PinFolder();
      const attaching = attachTcx(first, hook, pins.pin('link')).catch((error: unknown) => error);
      ip('link', 'delete', near);
      // Who came first is the kernel's choice.
      const outcome = await attaching;
      if (outcome !== 'attached') expect(outcome).toMatchObject({ name: 'BpfError', code: 'ENODEV' });
      expect(await detachTcx(pins.pin('link'))).toBe(outcome === 'attached');
      expect(existsSync(pins.pin('link'))).toBe(false);
    });

    it('attaches nothing when the link cannot be pinned', async () => {
      await expect(attachTcx(first, hook, '/tmp/on-no-bpf-file-system')).rejects.toMatchObject({ name: 'BpfError', op: 'link.pin' });
      expect(tcxPrograms(hook)).toEqual([]);
    });

    it('is refused what hangs there already, and leaves that as it is', async () => {
      using pins = new PinFolder();
      await attachTcx(first, hook, pins.pin('link'));
      await expect(attachTcx(first, hook, pins.pin('another'))).rejects.toMatchObject({ op: 'link.create', code: 'EEXIST' });
      expect(existsSync(pins.pin('another'))).toBe(false);
      expect(tcxPrograms(hook)).toEqual([first.info.id]);
    });
  });

  describe('by a clsact filter', () => {
    it('runs the program on packets until the filter is removed', async () => {
      const before = packets();
      await attachFilter(first, hook, place);
      expect(filterProgram(hook, place)).toBe(first.info.id);
      expect(filterProgram({ ...hook, direction: 'ingress' }, place)).toBeNull();
      await sendPacket();
      expect(packets()).toBeGreaterThan(before);
      expect(await detachFilter(hook, place)).toBe(true);
      expect(await detachFilter(hook, place)).toBe(false);
      const after = packets();
      await sendPacket();
      expect(packets()).toBe(after);
    });

    it('replaces a filter in place, leaving one', async () => {
      await attachFilter(first, hook, place);
      await attachFilter(second, hook, place);
      expect(filterProgram(hook, place)).toBe(second.info.id);
      expect(execFileSync('tc', ['filter', 'show', 'dev', near, 'egress'], { encoding: 'utf8' }).match(/handle 0x/g)).toHaveLength(1);
    });

    it('attaches in both directions at once', async () => {
      const both = (['ingress', 'egress'] as const).map((direction) => ({ ...hook, direction }));
      await Promise.all(both.map((at) => attachFilter(first, at, place)));
      expect(both.map((at) => filterProgram(at, place))).toEqual([first.info.id, first.info.id]);
    });

    it('goes with its qdisc', async () => {
      await attachFilter(first, hook, place);
      expect(await removeClsact(hook.ifindex)).toBe(true);
      expect(filterProgram(hook, place)).toBeNull();
      expect(await removeClsact(hook.ifindex)).toBe(false);
      expect(await detachFilter(hook, place)).toBe(false);
    });

    it('says when there is no such interface', async () => {
      await expect(attachFilter(first, { ...hook, ifindex: 0x7fffffff }, place)).rejects.toMatchObject({
        name: 'BpfError',
        op: 'filter.attach',
        code: 'ENODEV',
      });
    });

    it('runs behind a tcx link, whose verdict is final: a packet meets one of them', async () => {
      await attachFilter(first, hook, place);
      const link = await TcxLink.attach(first, hook);
      const before = packets();
      await sendPacket();
      expect(packets() - before).toBe(1n);
      expect(await removeClsact(hook.ifindex)).toBe(true);
      await sendPacket();
      expect(packets() - before).toBe(2n);
      link.close();
    });
  });
});
