export { checkYardstickCopy } from './yardstick-copy.ts';
