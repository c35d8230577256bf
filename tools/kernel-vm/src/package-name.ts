/**
 * Name of the kernel image's package, read from what `apt-cache depends` says of the metapackage: `linux-image-6.1.0-56-cloud-amd64`.
 * Null: it depends on no kernel of this version ("6.1").
 */
export function imagePackage(depends: string, version: string): string | null {
  const names = [...depends.matchAll(/^\s*\|?Depends: (linux-image-\d\S*)$/gm)].map((match) => match[1]!);
  return names.find((name) => name.startsWith(`linux-image-${version}.`)) ?? null;
}
