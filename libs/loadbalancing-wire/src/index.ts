export { decodeService, decodeSlice, MalformedObject } from './decode.ts';
export { encodeService, encodeSlice } from './encode.ts';
export { eventsOf, type ServiceEvents } from './events.ts';
