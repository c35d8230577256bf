export { decodeCompiledPolicy, MalformedPolicy } from './decode.ts';
export { encodeCompiledPolicy } from './encode.ts';
