import { describe, expect, it } from 'vitest';
import { formatPeerName, parsePeerName, peerNameIn } from './peer-name.ts';

describe('the name in a certificate', () => {
  it('is its one URI, whatever stands beside it', () => {
    const ipam = { trustDomain: 'lab', kind: 'service', name: 'ipam' } as const;
    expect(peerNameIn('URI:spiffe://lab/service/ipam')).toEqual(ipam);
    expect(peerNameIn('DNS:ipam, IP Address:10.0.0.1, URI:spiffe://lab/service/ipam')).toEqual(ipam);
    expect(parsePeerName(formatPeerName(ipam))).toEqual(ipam);
  });

  it('is none where two could be meant, or a quoted text could be taken for one', () => {
    for (const text of [
      undefined,
      '',
      'DNS:ipam',
      'DNS:spiffe://lab/service/ipam',
      'URI:https://lab/service/ipam',
      'URI:spiffe://lab/admin/ipam',
      'URI:spiffe://lab/service/',
      'URI:spiffe://lab/service/ipam/more',
      'URI:spiffe://lab/service/a, URI:spiffe://lab/service/b',
      'DNS:"a, URI:spiffe://lab/service/ipam, b"',
      'URI:"spiffe://lab/service/ipam"',
    ])
      expect(peerNameIn(text), text).toBeNull();
  });
});
