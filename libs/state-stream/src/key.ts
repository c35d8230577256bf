/** Key of the end marker: no encoded key looks like it, as two upper-case hex digits follow every "=" there. */
export const endMarkerKey = '=end';

/** Key of a row with an empty name: a subject can't have an empty token. */
const emptyKey = '=';

const isPlain = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x5f;

/**
 * A row's key as one NATS token: letters, digits, "-" and "_" stay, every other byte of its UTF-8 form becomes "=XX". Dots and colons of
 * addresses, slashes of names and wildcards are thus harmless. One to one.
 */
export function encodeKey(key: string): string {
  if (key === '') return emptyKey;
  let encoded = '';
  for (const byte of Buffer.from(key)) {
    encoded += isPlain(byte) ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The row's key; null for a token that `encodeKey` gives for none. */
export function decodeKey(encoded: string): string | null {
  if (encoded === emptyKey) return '';
  if (!/^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/.test(encoded)) return null;
  const bytes = encoded.replace(/=([0-9A-F]{2})/g, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const key = Buffer.from(bytes, 'latin1').toString();
  return encodeKey(key) === encoded ? key : null;
}
