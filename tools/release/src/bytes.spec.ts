import { endpointCodec, frontend4KeyCodec, policyBucketCodec } from '@myelin/datapath-layout';
import { describe, expect, it } from 'vitest';
import { encode } from './bytes.ts';
import { currentLayout } from './data.ts';

const layout = currentLayout('now');

describe('bytes of a release', () => {
  it('are those of the codecs, while both have one layout', () => {
    const mac = Buffer.from('0a0000000005', 'hex');
    const ipv6 = Buffer.alloc(16, 7);
    expect(encode(layout, 'endpoints', 'value', { epoch: 3, identity: 300, ipv4: 0x0a010005, mac, node_mac: mac, ipv6 })).toEqual(
      endpointCodec.encode({ epoch: 3, ifindex: 0, identity: 300, subject: 0, ipv4: 0x0a010005, mac, nodeMac: mac, flags: 0, ipv6 }),
    );
    expect(encode(layout, 'frontends_v4', 'key', { address: 0x0a600007, port: 80, protocol: 6 })).toEqual(
      frontend4KeyCodec.encode({ address: 0x0a600007, port: 80, protocol: 6 }),
    );
    const none = { key: 0n, origin: 0, ruleSet: 0, deny: 0, used: 0 };
    expect(encode(layout, 'policy_entries', 'value', { ways: [{}, { key: 5n, used: 1 }] })).toEqual(
      policyBucketCodec.encode({ ways: [none, { ...none, key: 5n, used: 1 }, none, none] }),
    );
  });
  it('are refused for what the release doesn’t have, and for what doesn’t fit', () => {
    expect(() => encode(layout, 'baskets', 'key', 1)).toThrow('release now has no map baskets');
    expect(() => encode(layout, 'endpoints', 'value', { eggs: 1 })).toThrow('struct endpoint of release now has no member eggs');
    expect(() => encode(layout, 'endpoints', 'value', { mac: Buffer.alloc(7) })).toThrow(RangeError);
    expect(() => encode(layout, 'subjects', 'value', { policy: 2 ** 33 })).toThrow(RangeError);
  });
});
