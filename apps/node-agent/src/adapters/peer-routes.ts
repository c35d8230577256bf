import type { Family } from '@myelin/address';
import { formatPrefix } from '@myelin/address';
import type { Log } from '@myelin/service';
import { deleteRoute, type PeerRoute, replaceRoute, routeOrigin } from '../domain/peer-routes.ts';
import { runCommand } from './command.ts';

interface Wanted {
  readonly routes: readonly PeerRoute[];
  /** Whether these are all: others of ours go. */
  readonly complete: boolean;
}

/** Keeps the node's routes to its peers' pods as they should be: replaced in place, never flushed (design D9). One change at a time; the newest wins. */
export class PeerRoutes {
  readonly #log: Log;
  #wanted: Wanted | null = null;
  #running: Promise<void> | null = null;
  /** By destination: the way that was set, by this process. */
  readonly #set = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Resolves when these routes, or newer ones, are in the kernel. A route that the kernel refuses is reported, and tried again with the next change: the network may know the way. */
  async set(routes: readonly PeerRoute[], complete: boolean): Promise<void> {
    this.#wanted = { routes, complete };
    this.#running ??= this.#write().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  async #write(): Promise<void> {
    while (this.#wanted !== null) {
      const { routes, complete } = this.#wanted;
      this.#wanted = null;
      for (const route of routes) await this.#replace(route);
      if (complete) for (const family of [4, 6] as const) await this.#prune(family, routes);
    }
  }

  async #replace(route: PeerRoute): Promise<void> {
    const destination = formatPrefix(route.prefix);
    if (this.#set.get(destination) === route.way) return;
    if (await this.#try(replaceRoute(route), { destination, way: route.way })) this.#set.set(destination, route.way);
  }

  async #prune(family: Family, routes: readonly PeerRoute[]): Promise<void> {
    const output = await runCommand('ip', [`-${family}`, 'route', 'show', 'proto', String(routeOrigin)]);
    const kept = new Set(routes.map(({ prefix }) => destinationOf(formatPrefix(prefix))));
    for (const destination of destinationsOf(output)) {
      if (kept.has(destination)) continue;
      this.#set.delete(destination);
      await this.#try(deleteRoute(family, destination), { destination });
    }
  }

  async #try(parameters: readonly string[], about: Readonly<Record<string, string>>): Promise<boolean> {
    try {
      await runCommand('ip', parameters);
      return true;
    } catch (error) {
      this.#log.warn({ ...about, reason: (error as Error).message }, "a route to a peer's pods was refused by the kernel");
      return false;
    }
  }
}

/** Of `ip route show`, a route a line. (Its JSON has two members `dst` for a route into a tunnel.) */
function destinationsOf(output: string): readonly string[] {
  return output.split('\n').flatMap((line) => line.match(/^[0-9a-f][0-9a-f.:/]*/)?.[0] ?? []);
}

/** The kernel's spelling of a single address has no length. */
function destinationOf(text: string): string {
  return text.replace(/\/(32|128)$/, '');
}
