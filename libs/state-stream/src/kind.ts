import { EndpointAddress, Identity, Node } from '@myelin/contracts/identity';
import { ServiceObject } from '@myelin/contracts/loadbalancing';
import { PolicyRow } from '@myelin/contracts/policy';

/** One stream of rows: its name in buckets, its key, its codec. */
export interface StreamKind<Row> {
  readonly name: string;
  readonly keyOf: (row: Row) => string;
  readonly encode: (row: Row) => Uint8Array;
  /** Throws for bytes that are no such row. */
  readonly decode: (bytes: Uint8Array) => Row;
  /** The row of an object whose absent fields take their defaults: what Redis scripts keep as JSON. */
  readonly fromObject: (object: object) => Row;
}

interface Codec<Row> {
  encode(row: Row): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Row;
  fromPartial(object: object): Row;
}

function kindOf<Row>(name: string, codec: Codec<Row>, keyOf: (row: Row) => string): StreamKind<Row> {
  return Object.freeze({
    name,
    keyOf,
    encode: (row: Row) => codec.encode(row).finish(),
    decode: (bytes: Uint8Array) => codec.decode(bytes),
    fromObject: (object: object) => codec.fromPartial(object),
  });
}

function serviceKey({ object }: ServiceObject): string {
  const { namespace, name } = object?.value ?? { namespace: '', name: '' };
  return `${object?.$case === 'endpointSlice' ? 'EndpointSlice' : 'Service'}/${namespace}/${name}`;
}

/** Every stream there is. */
export const streamKinds = Object.freeze({
  /** Identity number → label set. Key: the number in decimal. */
  identities: kindOf<Identity>('identities', Identity, ({ number }) => `${number}`),
  /** Address → identity, owner. Key: the address in canonical text. */
  endpoints: kindOf<EndpointAddress>('endpoints', EndpointAddress, ({ address }) => address),
  /** Node → addresses, pod ranges. Key: the node's name. */
  nodes: kindOf<Node>('nodes', Node, ({ name }) => name),
  /** Policy documents. Key: kind/namespace/name. */
  policies: kindOf<PolicyRow>('policies', PolicyRow, ({ reference }) => `${reference?.kind}/${reference?.namespace}/${reference?.name}`),
  /** Services and EndpointSlices: one stream, so that a state of it holds both as they were at one moment. Key: kind/namespace/name. */
  services: kindOf<ServiceObject>('services', ServiceObject, serviceKey),
});
