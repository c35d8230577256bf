export { implementPart } from './implement-part.ts';
