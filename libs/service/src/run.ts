import { type ConfigOf, type Configuration, type Fields, helpOf, readConfiguration } from './configuration.ts';
import { isMyelinError } from './error.ts';
import { field } from './field.ts';
import { type Component, Lifecycle } from './lifecycle.ts';
import { type Log, logLevels, openLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import { StatusServer } from './status-server.ts';

declare const MYELIN_VERSION: string | undefined;

/** Version of the bundle; "0.0.0-source" when run from its sources. */
export const version = typeof MYELIN_VERSION === 'undefined' ? '0.0.0-source' : MYELIN_VERSION;

/** Fields that every service has. */
export const serviceFields = {
  metricsListen: field.hostPort({ help: 'HTTP with /metrics, /readyz and /healthz' }),
  metricsPrefix: field.text({
    help: 'first word of every metric',
    default: 'myelin',
    accept: (text) => /^[a-zA-Z][a-zA-Z0-9_]*$/.test(text),
    expected: 'letters, digits and underscores',
  }),
  logLevel: field.choice({ help: 'how much is said on standard error', choices: logLevels, default: 'info' }),
  stopDeadlineMs: field.integer({ help: 'time for an orderly stop', minimum: 0, maximum: 600_000, default: 10_000 }),
};

/** Fields of a gRPC service that keeps state in Redis and publishes it by NATS. */
export const controlPlaneFields = {
  listen: field.hostPort({ help: 'gRPC address' }),
  listenUnix: field.path<string | null>({ help: 'gRPC on a unix socket, too', default: null }),
  redis: field.url({ help: 'durable state, redis://[user@]host:port', protocols: ['redis:', 'rediss:'] }),
  redisPasswordFile: field.path<string | null>({ help: 'file with the password to it; read anew at each connection', default: null }),
  nats: field.url({ help: 'state streams', protocols: ['nats:', 'tls:'] }),
  ...serviceFields,
};

/** What is wrong with those fields together: a password has no place where everybody may read it. */
export function controlPlaneProblems({ redis, nats }: { readonly redis: string; readonly nats: string }): readonly string[] {
  return Object.entries({ redis, nats }).flatMap(([name, url]) =>
    URL.parse(url)?.password
      ? [
          `--${name} holds a password, which command lines and logs show: ${name === 'redis' ? 'put it into a file and give --redis-password-file' : 'leave it out, certificates are the proof'}`,
        ]
      : [],
  );
}

/** What a service's wiring gets. */
export interface ServiceContext {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

/**
 * The whole of a service's main: reads the configuration, starts the status server and then what `wire` returns, in order; stops on SIGTERM
 * or SIGINT, in reverse. Resolves with the exit code: 0 after an orderly stop, 1 when starting failed, 2 for a bad configuration.
 */
export async function runService<F extends Fields & typeof serviceFields>(
  definition: Configuration<F>,
  wire: (config: ConfigOf<Configuration<F>>, context: ServiceContext) => readonly Component[],
): Promise<number> {
  const reading = readConfiguration(definition, process.argv.slice(2), process.env);
  if (reading.kind === 'help') process.stdout.write(helpOf(definition));
  if (reading.kind === 'version') process.stdout.write(`${definition.name} ${version}\n`);
  if (reading.kind === 'invalid') {
    process.stderr.write(`${definition.name} can't start:\n${reading.problems.map((problem) => `  ${problem}\n`).join('')}`);
    return 2;
  }
  if (reading.kind !== 'config') return 0;
  return live(definition.name, reading.config as ConfigOf<Configuration<F>> & BaseConfig, wire);
}

type BaseConfig = ConfigOf<Configuration<typeof serviceFields>>;

async function live<C extends BaseConfig>(
  name: string,
  config: C,
  wire: (config: C, context: ServiceContext) => readonly Component[],
): Promise<number> {
  const log = openLog(name, config.logLevel);
  const context = { log, metrics: new Metrics(config.metricsPrefix), readiness: new Readiness() };
  context.metrics.meter
    .createObservableGauge('build_info', { description: 'Always 1; the version stands in the label' })
    .addCallback((result) => result.observe(1, { version }));
  const status = new StatusServer(config.metricsListen, context.metrics, context.readiness);
  let lifecycle: Lifecycle;
  const told = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      if (told.signal.aborted) return;
      log.info({ signal }, 'stopping');
      told.abort(new Error(`stopped by ${signal}`));
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  try {
    lifecycle = new Lifecycle([status, ...wire(config, context)], { log, stopDeadlineMs: config.stopDeadlineMs });
    await lifecycle.start(told.signal);
  } catch (err) {
    if (told.signal.aborted) return 0;
    if (isMyelinError(err)) log.fatal({ code: err.code, reason: err.message }, 'could not start');
    else log.fatal({ err }, 'could not start');
    return 1;
  }
  log.info({ version, metricsPort: status.port }, 'started');
  await stopped;
  await lifecycle.stop();
  await context.metrics.close();
  log.info('stopped');
  return 0;
}
