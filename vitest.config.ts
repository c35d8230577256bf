import { defineConfig } from 'vitest/config';

// One project a kind of test (see CONTRIBUTING.md). The files of a kind share a process and what it has loaded: reading that anew for each file took a minute of a
// processor's time. A file that puts another module in place of one is alone. Stories run three at a time, each in a lab of its own, where
// most of the time goes into waiting; what needs the kernel's tables or Redis and NATS runs one file after the other.
const files = (suffix: string) => ['apps', 'libs', 'tools'].map((folder) => `${folder}/*/src/**/*.${suffix}.ts`);
/** Emulated processors (tools/kernel-vm) are slow, and shared. */
const patience = process.env.MYELIN_EMULATED === '1' ? 600_000 : 180_000;
const alone = ['tools/simulator/src/model/registry.int.spec.ts'];
const serial = { fileParallelism: false, maxWorkers: 1, isolate: false, testTimeout: patience, hookTimeout: patience };
const unitOnly = ['**/*.int.spec.ts', '**/*.priv.spec.ts', '**/*.prop.spec.ts', '**/node_modules/**', '**/dist/**'];

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      { test: { name: 'unit', include: files('spec'), exclude: unitOnly, isolate: false, testTimeout: 30_000 } },
      { test: { name: 'property', include: files('prop.spec'), isolate: false, testTimeout: 300_000 } },
      { test: { name: 'integration', include: files('int.spec'), exclude: alone, ...serial } },
      { test: { name: 'integration-alone', include: alone, ...serial, isolate: true } },
      { test: { name: 'privileged', include: [...files('priv.spec'), 'bpf/tests/**/*.priv.spec.ts'], ...serial } },
      { test: { name: 'e2e', isolate: false, include: ['e2e/**/*.e2e.ts'], maxWorkers: 3, testTimeout: 180_000, hookTimeout: 180_000 } },
    ],
  },
});
