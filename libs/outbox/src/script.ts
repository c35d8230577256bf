import { createHash } from 'node:crypto';
import { prelude } from './scripts/prelude.lua.ts';

/** A Lua script as Redis knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** A script that touches state: `body` after the prelude and the `fragments` it shares with others. */
export function stateScript(body: string, ...fragments: string[]): Script {
  return plainScript([prelude, ...fragments, body].join('\n'));
}

/** A script as it is. */
export function plainScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
