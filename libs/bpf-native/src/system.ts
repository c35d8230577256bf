import { native } from './native.ts';

/** Index of an interface of this network namespace, null when there is none of that name. */
export function interfaceIndex(name: string): number | null {
  return native.interfaceIndex(name);
}

/** Name of an interface of this network namespace, null when there is none. */
export function interfaceName(ifindex: number): string | null {
  return native.interfaceName(ifindex);
}

/** Whether a path lies on a BPF file system, where maps, programs and links can be pinned. */
export function isBpfFileSystem(path: string): boolean {
  return native.isBpfFileSystem(path);
}

/** Mounts a BPF file system of its own on a folder. Throws {@link BpfError}. */
export function mountBpfFileSystem(path: string): void {
  native.mountBpfFileSystem(path);
}

/** Unmounts it; what only pins held goes with it. `EINVAL`: not a mount point. */
export function unmountBpfFileSystem(path: string): void {
  native.unmountBpfFileSystem(path);
}
