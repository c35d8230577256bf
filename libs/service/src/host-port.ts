import { isIP } from 'node:net';

/** Where to listen or whom to call. `host` without brackets; '' means every local address. Port 0 lets the kernel choose. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[v6]:port` or `:port`. Null for anything else. */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return null;
  return { host: bracketed ?? plain ?? '', port };
}

/** `host:port`, an IPv6 host in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
