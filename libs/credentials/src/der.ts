// DER (X.690) as far as a certificate is written with it. Nothing here reads: certificates are read by Node alone.

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
} as const;
const utcTime = 0x17;
const generalizedTime = 0x18;

function tagged(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const bytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError(`${length} bytes are too long for a certificate's part`);
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

/** A sequence of values that are encoded already. */
export const sequence = (...items: readonly Uint8Array[]): Buffer => tagged(tags.sequence, Buffer.concat(items));
/** A set of values that are encoded already; one at most, as the order of more is not looked after. */
export const setOf = (item: Uint8Array): Buffer => tagged(tags.set, item);
/** A number that isn't negative, as its bytes, most significant first. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first < 0 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first));
  return tagged(tags.integer, significant[0]! < 0x80 ? significant : Buffer.concat([Buffer.from([0]), significant]));
}
export const boolean = (value: boolean): Buffer => tagged(tags.boolean, Buffer.from([value ? 0xff : 0]));
export const octetString = (content: Uint8Array): Buffer => tagged(tags.octetString, content);
export const utf8String = (text: string): Buffer => tagged(tags.utf8, Buffer.from(text, 'utf8'));
/** Bits of whole bytes, the last `unused` of which don't count. */
export const bitString = (content: Uint8Array, unused = 0): Buffer =>
  tagged(tags.bitString, Buffer.concat([Buffer.from([unused]), content]));
/** `[number]` around values that are encoded already. */
export const explicit = (number: number, content: Uint8Array): Buffer => tagged(0xa0 | number, content);
/** `[number]` in the place of a primitive type's own tag. */
export const implicit = (number: number, content: Uint8Array): Buffer => tagged(0x80 | number, content);

/** An object identifier from its dotted text. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(tags.oid, Buffer.from(bytes));
}

/** A time to the second, UTC: two digits of the year up to 2049, four from then on (RFC 5280, 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? tagged(utcTime, Buffer.from(digits.slice(2))) : tagged(generalizedTime, Buffer.from(digits));
}
