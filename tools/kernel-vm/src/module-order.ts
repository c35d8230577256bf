/**
 * The files of kernel modules and of all that they need, in an order in which they can be loaded. `dependencies`: text of `modules.dep`, a line a module:
 * `kernel/a.ko: kernel/b.ko kernel/c.ko`, what is needed last first. A module that isn't listed is built in (or unknown): no file.
 */
export function moduleOrder(dependencies: string, names: readonly string[]): readonly string[] {
  const lines = dependencies.split('\n').map((line) => line.split(/[: ]+/).filter((word) => word !== ''));
  const files = names.flatMap((name) => (lines.find(([file]) => file?.endsWith(`/${name}.ko`)) ?? []).toReversed());
  return [...new Set(files)];
}
