import { address } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { createTunnel, isUsableTunnel, tunnelMac, tunnelOverhead } from './tunnel-device.ts';

describe('the tunnel device', () => {
  it('has a hardware address that every node can tell from the outer one, however that was written', () => {
    expect(tunnelMac(address('2001:db8::1'))).toBe(tunnelMac(address('2001:0DB8:0::1')));
    expect(tunnelMac(address('192.0.2.1'))).not.toBe(tunnelMac(address('192.0.2.2')));
    expect(tunnelMac(address('192.0.2.1'))).toMatch(/^02:4d(:[0-9a-f]{2}){4}$/);
  });

  it('takes 50 bytes of a packet over IPv4 and 70 over IPv6', () => {
    expect(tunnelOverhead).toEqual({ 4: 50, 6: 70 });
  });

  it('goes on when it was made by an earlier process for the same port, and no other does', () => {
    const found = (kind: string, external: boolean, port: number) => ({ linkinfo: { info_kind: kind, info_data: { external, port } } });
    expect(isUsableTunnel(found('vxlan', true, 8472), { port: 8472 })).toBe(true);
    expect(isUsableTunnel(found('vxlan', true, 4789), { port: 8472 })).toBe(false);
    expect(isUsableTunnel(found('vxlan', false, 8472), { port: 8472 })).toBe(false);
    expect(isUsableTunnel(found('geneve', true, 8472), { port: 8472 })).toBe(false);
    expect(isUsableTunnel({}, { port: 8472 })).toBe(false);
  });

  it('is made down, so that nothing comes out of it before it is policed', () => {
    expect(createTunnel({ mac: '02:4d:00:00:00:01', mtu: 1450, port: 8472 }).join(' ')).not.toMatch(/\bup\b/);
  });
});
