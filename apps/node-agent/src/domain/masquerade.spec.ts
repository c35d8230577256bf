import { prefix } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { masqueradeRuleset } from './masquerade.ts';

describe('masqueradeRuleset', () => {
  const ruleset = masqueradeRuleset({
    own: [prefix('10.1.0.0/24'), prefix('fd00:1::/64')],
    inside: [prefix('10.2.0.0/24'), prefix('10.2.0.5/32'), prefix('192.168.0.2/32'), prefix('10.1.0.0/24')],
    tunnelPort: 8472,
  });
  it('replaces the table in one transaction', () => {
    expect(ruleset.split('\n').slice(0, 3)).toEqual(['table inet myelin', 'delete table inet myelin', 'table inet myelin {']);
  });
  it('lists destinations without overlaps, the own ranges among them', () => {
    expect(ruleset).toContain('elements = { 10.1.0.0/24, 10.2.0.0/24, 192.168.0.2/32 }');
  });
  it('leaves what goes to the port of tunnels alone: another node would take it for this one', () => {
    expect(ruleset).toMatch(/policy accept;\n {4}udp dport 8472 return\n/);
    expect(masqueradeRuleset({ own: [], inside: [], tunnelPort: null })).not.toContain('return');
  });
  it('gives a family without ranges an empty set, so that nothing of it is masqueraded', () => {
    const only4 = masqueradeRuleset({ own: [prefix('10.1.0.0/24')], inside: [], tunnelPort: null });
    expect(only4).toMatch(/set own6 \{\n {4}type ipv6_addr\n {4}flags interval\n {2}\}/);
  });
});
