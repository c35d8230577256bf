/**
 * Which layer may import which. Tags stand in each package.json (`nx.tags: ["layer:…"]`). The rules (design §2, style):
 * pure libs import pure libs only; kernel libs are imported by the node agent, the bench and the code generator alone; apps never import apps;
 * clients of Redis, NATS, gRPC and the kernel live in adapters.
 */
export const layers = ['pure', 'contract', 'adapter', 'kernel', 'app', 'tool'] as const;
export type Layer = (typeof layers)[number];

/** A workspace package as the rules see it. */
export interface Package {
  readonly name: string;
  /** Path from the root, without a slash at the end. */
  readonly folder: string;
  readonly layer: Layer;
  /** Declared in its package.json. */
  readonly dependencies: ReadonlySet<string>;
}

/** One import statement (type-only ones too). */
export interface Import {
  /** Path from the root. */
  readonly file: string;
  /** As written. */
  readonly specifier: string;
}

const mayImport: Readonly<Record<Layer, readonly Layer[]>> = {
  pure: ['pure'],
  contract: [],
  adapter: ['pure', 'contract', 'adapter'],
  kernel: ['pure', 'kernel'],
  app: ['pure', 'contract', 'adapter'],
  tool: ['pure', 'contract', 'adapter', 'tool'],
};

/** Entry points of the contracts that hold messages only: pure code may name them. */
const messageOnly: ReadonlySet<string> = new Set(['@myelin/contracts/flow', '@myelin/contracts/types', '@myelin/contracts/timestamp']);

/** The only importers of the kernel layer outside itself. */
const kernelImporters: ReadonlySet<string> = new Set([
  '@myelin/node-agent',
  '@myelin/tool-bench',
  '@myelin/tool-codec-gen',
  '@myelin/tool-release',
]);

/** Clients of the outside world, and packages that don't belong in every process. */
const edgePackages = [/^ioredis$/, /^@grpc\//, /^@nats-io\//, /^@kubernetes\//];

const isTest = (file: string) =>
  /\.(spec|e2e)\.ts$/.test(file) || /\/(testing|testdata)\//.test(file) || file.startsWith('e2e/') || file.startsWith('bpf/tests/');

/** Name of the package that a specifier names: `@scope/name` or `name`. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** Problems of these imports, in their order. */
export function checkImports(packages: readonly Package[], imports: readonly Import[]): readonly string[] {
  const byName = new Map(packages.map((entry) => [entry.name, entry]));
  return imports.flatMap(({ file, specifier }) => {
    const from = packages.find((entry) => file.startsWith(`${entry.folder}/`));
    if (specifier.startsWith('.')) return checkRelative(from, file, specifier);
    if (specifier.startsWith('node:') || from === undefined || isTest(file)) return [];
    const name = packageOf(specifier);
    const problems: string[] = [];
    if (name !== from.name && !from.dependencies.has(name))
      problems.push(`${file}: imports ${name}, which ${from.folder}/package.json doesn't declare under "dependencies"`);
    const to = byName.get(name);
    if (to !== undefined && to !== from && !isAllowed(from, to, specifier)) {
      problems.push(`${file}: layer "${from.layer}" must not import "${specifier}" of layer "${to.layer}"${reason(from, to)}`);
    }
    if (to === undefined && !mayTouchTheEdge(from, file) && edgePackages.some((pattern) => pattern.test(name))) {
      problems.push(`${file}: ${name} belongs in adapters: a lib of layer "adapter", or src/adapters or src/handlers of an app`);
    }
    return problems;
  });
}

function isAllowed(from: Package, to: Package, specifier: string): boolean {
  if (to.layer === 'app') return false;
  if (to.layer === 'kernel' && kernelImporters.has(from.name)) return true;
  if (from.layer === 'pure' && messageOnly.has(specifier)) return true;
  return mayImport[from.layer].includes(to.layer);
}

function reason(from: Package, to: Package): string {
  if (to.layer === 'app') return ' (apps talk over gRPC and NATS; move what is shared into a lib)';
  if (to.layer === 'kernel') return ` (only ${[...kernelImporters].join(', ')} and tests touch the kernel)`;
  return from.layer === 'pure' ? ' (pure libs have no clock and no I/O)' : '';
}

function mayTouchTheEdge(from: Package, file: string): boolean {
  if (from.layer !== 'app') return from.layer !== 'pure';
  const inside = file.slice(from.folder.length + 1);
  return inside.startsWith('src/adapters/') || inside.startsWith('src/handlers/');
}

/** A relative import must stay in its package: across packages only names cross. */
function checkRelative(from: Package | undefined, file: string, specifier: string): readonly string[] {
  if (from === undefined) return [];
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  return target.startsWith(`${from.folder}/`)
    ? []
    : [`${file}: "${specifier}" leaves ${from.folder}; import the other package by its name`];
}
