export { attachTypes, helperIds, mapFlags, mapTypes, programTypes } from './constants.ts';
export { BpfError, type BpfFailure, lastUsefulLine } from './error.ts';
export {
  BpfMap,
  type EntryBatch,
  type MapInfo,
  type MapSpec,
  perCpuSlots,
  possibleCpus,
  type UpdateOptions,
  waitForReaders,
} from './map.ts';
export { BpfObject, type MapDeclaration, mapDifferences, type ProgramDeclaration, type VariableDeclaration } from './object.ts';
export { type Feature, type FeatureState, features, probeFeature, probeFeatures, probeKernelFunction } from './probe.ts';
export { BpfProgram, type ProgramInfo, type TestRun, type TestRunResult } from './program.ts';
export { type RecordBatch, RingBuffer, records } from './ring-buffer.ts';
export { interfaceIndex, interfaceName, isBpfFileSystem, mountBpfFileSystem, unmountBpfFileSystem } from './system.ts';
export {
  attachFilter,
  attachTcx,
  detachFilter,
  detachTcx,
  filterProgram,
  removeClsact,
  replaceTcx,
  type TcDirection,
  type TcFilterPlace,
  type TcHook,
  TcxLink,
  type TcxLinkInfo,
  tcxPrograms,
} from './tc.ts';
