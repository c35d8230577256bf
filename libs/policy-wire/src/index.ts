export { decodeCompiledPolicy, MalformedPolicy } from './decode.ts';
export { encodeCompiledPolicy } from './encode.ts';
export { decodeKernelSubject, encodeKernelSubject } from './kernel-subject.ts';
