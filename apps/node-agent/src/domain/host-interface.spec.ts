import { describe, expect, it } from 'vitest';
import { hardwareAddresses, hostInterfaceName } from './host-interface.ts';

describe('hostInterfaceName', () => {
  it('is the same for the same UID, another for another, and fits the kernel', () => {
    expect(hostInterfaceName('a')).toBe(hostInterfaceName('a'));
    expect(hostInterfaceName('a')).not.toBe(hostInterfaceName('b'));
    expect(hostInterfaceName('a')).toMatch(/^my[0-9a-f]{10}$/);
  });
});

describe('hardwareAddresses', () => {
  it('are unicast, locally administered, and differ between the two ends', () => {
    const { pod, node } = hardwareAddresses('a');
    for (const mac of [pod, node]) {
      expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
    }
    expect(pod).not.toBe(node);
  });
});
