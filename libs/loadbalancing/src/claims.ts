import { compareText } from '@myelin/labels';
import type { Service } from './model.ts';
import { type Frontend, frontendName, serviceKey } from './state.ts';

interface Claim {
  readonly service: Service;
  readonly frontend: Frontend;
}

/**
 * Who has a frontend that several Services ask for: the oldest; of equally old ones, and of those whose age isn't known, the first by name. So it never matters who came first here, and a newcomer takes
 * nothing away.
 */
function precedence(a: Claim, b: Claim): number {
  const [older, younger] = [a.service.created, b.service.created];
  if (older !== younger) {
    if (older === null || younger === null) return older === null ? 1 : -1;
    return compareText(older, younger);
  }
  return compareText(serviceKey(a.service), serviceKey(b.service));
}

/** Which Services ask for which frontends, and who has them. */
export class Claims {
  /** By frontend, in order of precedence; never an empty list. */
  readonly #claims = new Map<string, readonly Claim[]>();

  /** Puts a Service's frontends in place of those that it asked for before. Returns the names of all that anybody has or had because of it. */
  replace(key: string, service: Service | null, before: readonly Frontend[], now: readonly Frontend[]): ReadonlySet<string> {
    const touched = new Set<string>();
    for (const frontend of before) {
      const name = frontendName(frontend);
      touched.add(name);
      this.#set(name, this.#others(name, key));
    }
    for (const frontend of service === null ? [] : now) {
      const name = frontendName(frontend);
      touched.add(name);
      this.#set(name, [...this.#others(name, key), { service: service!, frontend }].sort(precedence));
    }
    return touched;
  }

  /** The frontend as its owner has it; null: nobody asks for it. */
  owner(name: string): Claim | null {
    return this.#claims.get(name)?.[0] ?? null;
  }

  /** Everyone who asks for a frontend, as `namespace/name`. */
  claimants(name: string): readonly string[] {
    return (this.#claims.get(name) ?? []).map(({ service }) => serviceKey(service));
  }

  #others(name: string, key: string): readonly Claim[] {
    return (this.#claims.get(name) ?? []).filter(({ service }) => serviceKey(service) !== key);
  }

  #set(name: string, claims: readonly Claim[]): void {
    if (claims.length === 0) this.#claims.delete(name);
    else this.#claims.set(name, claims);
  }
}
