import { defineConfig } from 'vitest/config';

// One project a kind of test (see CONTRIBUTING.md). Unit tests share their modules, reading which took longer than the tests. Stories run three at a time, each in a lab of its own, where
// most of the time goes into waiting; what needs the kernel's tables or Redis and NATS runs one file after the other.
const files = (suffix: string) => ['apps', 'libs', 'tools'].map((folder) => `${folder}/*/src/**/*.${suffix}.ts`);
/** Emulated processors (tools/kernel-vm) are slow, and shared. */
const patience = process.env.MYELIN_EMULATED === '1' ? 600_000 : 180_000;
const serial = { fileParallelism: false, maxWorkers: 1, testTimeout: patience, hookTimeout: patience };
const unitOnly = ['**/*.int.spec.ts', '**/*.priv.spec.ts', '**/*.prop.spec.ts', '**/node_modules/**', '**/dist/**'];

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      { test: { name: 'unit', include: files('spec'), exclude: unitOnly, isolate: false, testTimeout: 30_000 } },
      { test: { name: 'property', include: files('prop.spec'), testTimeout: 300_000 } },
      { test: { name: 'integration', include: files('int.spec'), ...serial } },
      { test: { name: 'privileged', include: [...files('priv.spec'), 'bpf/tests/**/*.priv.spec.ts'], ...serial } },
      { test: { name: 'e2e', include: ['e2e/**/*.e2e.ts'], maxWorkers: 3, testTimeout: 180_000, hookTimeout: 180_000 } },
    ],
  },
});
