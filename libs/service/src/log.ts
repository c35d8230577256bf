import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

/** Levels from least to most said. */
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `log.info({ fields }, 'constant message')`: what varies goes into fields. */
export type Log = Logger;

/** JSON lines on standard error, synchronous: the last words of a dying process are written, and no worker thread is needed. */
export function openLog(service: string, level: LogLevel): Log {
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  );
}

/** A log that drops everything. */
export const silentLog: Log = pino({ level: 'silent' });
