export { type BtfMember, type BtfType, parseBtf } from './btf.ts';
export { readTypes } from './compile.ts';
export { type Folders, generateLayouts, projectFolders } from './generate.ts';
export { enumLayout, type Field, type FieldType, type StructLayout, structLayout, valueLayout } from './layout.ts';
export { type MapTypes, mapTypes } from './maps.ts';
