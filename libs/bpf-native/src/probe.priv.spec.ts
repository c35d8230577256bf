import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { features, probeFeature, probeFeatures, probeKernelFunction } from './probe.ts';

describe('probes', () => {
  it('answer for every feature, and find on this kernel what the datapath cannot do without', async () => {
    const answers = await probeFeatures();
    expect(Object.keys(answers)).toEqual(features);
    for (const feature of ['redirect-peer', 'ring-buffer', 'lpm-trie', 'hash-batch', 'array-batch'] as const) {
      expect(answers[feature], feature).toEqual({ state: 'supported' });
    }
    expect(answers.btf.state === 'supported').toBe(existsSync('/sys/kernel/btf/vmlinux'));
  });

  it('ask the kernel once', () => {
    expect(probeFeature('tcx')).toBe(probeFeature('tcx'));
  });

  it('say unsupported of what no kernel has', async () => {
    expect(await probeKernelFunction('bpf_make_coffee')).toEqual({ state: 'unsupported' });
  });

  it('say failed, not unsupported, where they lack the right to ask', () => {
    const script = `const { probeFeature } = await import(${JSON.stringify(fileURLToPath(new URL('./index.ts', import.meta.url)))});
      const { state, error } = await probeFeature('ring-buffer'); console.log(state, error.code);`;
    const output = execFileSync(
      'setpriv',
      ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', script],
      {
        encoding: 'utf8',
      },
    );
    expect(output.trim()).toBe('failed EPERM');
  });
});
