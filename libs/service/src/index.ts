export { orAbort } from './abort.ts';
export {
  type ConfigOf,
  type ConfigReading,
  type Configuration,
  configuration,
  type Fields,
  helpOf,
  readConfiguration,
  type ValuesOf,
} from './configuration.ts';
export { type ErrorCode, errorCodes, isMyelinError, MyelinError } from './error.ts';
export { type Field, type FieldOptions, field, type Reading } from './field.ts';
export { Gate } from './gate.ts';
export { formatHostPort, type HostPort, parseHostPort } from './host-port.ts';
export { type Component, Lifecycle } from './lifecycle.ts';
export { type Log, type LogLevel, logLevels, openLog, silentLog } from './log.ts';
export { Metrics } from './metrics.ts';
export { type Condition, type Missing, Readiness } from './readiness.ts';
export { controlPlaneFields, controlPlaneProblems, runService, type ServiceContext, serviceFields, version } from './run.ts';
export { StatusServer } from './status-server.ts';
