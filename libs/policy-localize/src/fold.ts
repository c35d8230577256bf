import type { CompiledEntry, RuleOrigin } from '@myelin/policy-model';
import { type PortBlock, protocolNumbers } from './local-policy.ts';
import { blockOf, portBlocks } from './port-block.ts';

/** What an entry says, beside its peer. */
export type Say = Pick<CompiledEntry, 'protocol' | 'ports' | 'verdict' | 'origins'>;

/** What the kernel is to say for one match of one peer key. */
export interface Folded {
  readonly protocol: number | null;
  readonly port: PortBlock | null;
  readonly verdict: 'allow' | 'deny';
  /** Origins of all sayings that cover the match and have the deciding verdict; unsorted, possibly some twice. */
  readonly origins: readonly RuleOrigin[];
}

/** Sayings by the match they are about: the wildcard, a protocol (block of 0 bits), blocks of its ports. */
interface Node {
  readonly protocol: number | null;
  readonly block: PortBlock;
  readonly says: Say[];
}

const matchKey = (protocol: number | null, { port, bits }: PortBlock) => (protocol === null ? -1 : (protocol * 17 + bits) * 65536 + port);

const wholeProtocol: PortBlock = { port: 0, bits: 0 };

function gather(says: readonly Say[]): Map<number, Node> {
  const nodes = new Map<number, Node>();
  for (const say of says) {
    const protocol = say.protocol === null ? null : protocolNumbers[say.protocol];
    for (const block of say.ports === null ? [wholeProtocol] : portBlocks(say.ports)) {
      const key = matchKey(protocol, block);
      const node = nodes.get(key);
      if (node === undefined) nodes.set(key, { protocol, block, says: [say] });
      else node.says.push(say);
    }
  }
  return nodes;
}

/** Matches that cover a node's, itself included, narrowest first. */
function covering({ protocol, block }: Node, nodes: ReadonlyMap<number, Node>): Node[] {
  const found: Node[] = [];
  const add = (key: number) => {
    const node = nodes.get(key);
    if (node !== undefined) found.push(node);
  };
  if (protocol !== null) {
    for (let bits = block.bits; bits >= 0; bits--) add(matchKey(protocol, blockOf(block.port, bits)));
  }
  add(matchKey(null, wholeProtocol));
  return found;
}

function decide(path: readonly Node[]): Pick<Folded, 'verdict' | 'origins'> {
  const says = path.flatMap((node) => node.says);
  const verdict = says.some((say) => say.verdict === 'deny') ? 'deny' : 'allow';
  const deciding = says.filter((say) => say.verdict === verdict);
  // One saying's list goes on as it is: the origin table knows lists that it has seen.
  return { verdict, origins: deciding.length === 1 ? deciding[0]!.origins : deciding.flatMap(({ origins }) => origins) };
}

const byMatch = (a: Node, b: Node): number =>
  (a.protocol ?? -1) - (b.protocol ?? -1) || a.block.bits - b.block.bits || a.block.port - b.block.port;

/**
 * Folds all that is said of one peer key so that the longest match alone tells the whole truth: a match denies if anything that covers it
 * denies, else it allows, with the origins of all covering sayings of that verdict. Wider before narrower.
 */
export function fold(says: readonly Say[]): Folded[] {
  const nodes = gather(says);
  return [...nodes.values()].sort(byMatch).map((node) => {
    const port = node.block.bits === 0 ? null : node.block;
    return { protocol: node.protocol, port, ...decide(covering(node, nodes)) };
  });
}

/** Leaves out what the next wider entry says as well. `same` compares two entries' verdict and origin. */
export function dropRedundant<T extends Pick<Folded, 'protocol' | 'port'>>(folded: readonly T[], same: (a: T, b: T) => boolean): T[] {
  if (folded.length < 2) return [...folded];
  const blockIn = ({ port }: T) => port ?? wholeProtocol;
  const byKey = new Map(folded.map((entry) => [matchKey(entry.protocol, blockIn(entry)), entry]));
  const wider = ({ protocol, port }: T): T | undefined => {
    if (protocol === null) return undefined;
    for (let bits = (port?.bits ?? 0) - 1; bits >= 0; bits--) {
      const found = byKey.get(matchKey(protocol, blockOf(port!.port, bits)));
      if (found !== undefined) return found;
    }
    return byKey.get(matchKey(null, wholeProtocol));
  };
  return folded.filter((entry) => {
    const cover = wider(entry);
    return cover === undefined || !same(entry, cover);
  });
}
