import { describe, expect, it } from 'vitest';
import { iptablesRules, nftRules } from './kube-proxy.ts';
import { serviceCount, serviceTarget } from './services.ts';

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

describe("kube-proxy's rules", () => {
  const nft = nftRules('10.9.0.2', 7000);
  const iptables = iptablesRules('10.9.0.2', 7000);

  it('hold all services, each with an address of its own', () => {
    expect(new Set(nft.match(/ip daddr 10\.96\.\d+\.\d+ tcp/g)).size).toBe(serviceCount);
    expect(new Set(iptables.match(/-A KUBE-SERVICES -d \S+/g)).size).toBe(serviceCount);
    expect(new Set(iptables.match(/^:KUBE-S\S+/gm)).size).toBe(2 * serviceCount + 1);
  });

  it('send one of them to the server, the one in the middle', () => {
    expect(count(nft, /dnat to 10\.9\.0\.2:7000/g)).toBe(1);
    expect(count(iptables, /--to-destination 10\.9\.0\.2:7000/g)).toBe(1);
    const asked = iptables.match(/-A KUBE-SERVICES -d \S+/g)!;
    expect(asked.findIndex((rule) => rule.endsWith(` ${serviceTarget.address}/32`))).toBe(serviceCount / 2);
  });

  it('have names that the kernel takes: chains of iptables end at 28 characters', () => {
    expect(Math.max(...iptables.match(/^:\S+/gm)!.map((name) => name.length - 1))).toBeLessThanOrEqual(28);
  });
});
