import { describe, expect, it } from 'vitest';
import { configuration, helpOf, readConfiguration } from './configuration.ts';
import { field } from './field.ts';
import { controlPlaneFields } from './run.ts';

const tested = configuration('tested', 'what it is for', {
  listen: field.hostPort({ help: 'address' }),
  socket: field.path<string | null>({ help: 'socket', default: null }),
  resyncIntervalMs: field.integer({ help: 'pause', minimum: 1, maximum: 1000, default: 50 }),
  verbose: field.flag({ help: 'more words' }),
  mode: field.choice({ help: 'mode', choices: ['overlay', 'native'], default: 'overlay' }),
  redis: field.url({ help: 'store', protocols: ['redis:'], default: 'redis://a:1' }),
  names: field.list({
    help: 'names',
    placeholder: '<name>',
    default: [],
    item: (text) => (text === '' ? { expected: 'a name' } : { value: text }),
  }),
  given: field.bigint<bigint | null>({ help: 'number', default: null }),
});
const read = (argv: string[], environment: Record<string, string> = {}) => readConfiguration(tested, argv, environment);

describe('a configuration', () => {
  it('is read from flags, then the environment, then defaults, into one frozen object', () => {
    const reading = read(['--listen', '[::1]:70', '--verbose', '--names=a, b', '--given', '18446744073709551615'], {
      MYELIN_RESYNC_INTERVAL_MS: '70',
      MYELIN_LISTEN: '1.2.3.4:5',
      MYELIN_MODE: 'native',
      MYELIN_UNRELATED: 'x',
    });
    expect(reading).toEqual({
      kind: 'config',
      config: {
        listen: { host: '::1', port: 70 },
        socket: null,
        resyncIntervalMs: 70,
        verbose: true,
        mode: 'native',
        redis: 'redis://a:1',
        names: ['a', 'b'],
        given: 18446744073709551615n,
      },
    });
    expect(reading.kind === 'config' && Object.isFrozen(reading.config)).toBe(true);
  });

  it('reports every problem at once, with its source, what was expected, and the nearest flag', () => {
    const reading = read(
      ['--resync-interval-ms', '0', '--mode=overly', '--verbos', 'stray', '--redis', 'http://a', '--names', 'a,,b', '--socket'],
      {
        MYELIN_GIVEN: '-1',
      },
    );
    expect(reading).toEqual({
      kind: 'invalid',
      problems: [
        '--socket needs a value',
        'unknown flag --verbos: did you mean --verbose?',
        '--listen (or MYELIN_LISTEN) is missing: address',
        '--resync-interval-ms is "0": expected a whole number from 1 to 1000',
        '--mode is "overly": expected one of overlay, native',
        '--redis is "http://a": expected a URL that starts with redis://',
        '--names is "a,,b": expected a name, separated by commas',
        'MYELIN_GIVEN is "-1": expected a whole number',
      ],
    });
  });

  it('refuses a flag that is given twice and an argument that is none', () => {
    expect(read(['--listen', ':1', '--listen', ':2', '-x'])).toEqual({
      kind: 'invalid',
      problems: ['--listen is given twice', 'unexpected argument "-x": everything is given as --flag value'],
    });
  });

  it.each([
    ['a:1', { host: 'a', port: 1 }],
    [':0', { host: '', port: 0 }],
    ['[fe80::1]:65535', { host: 'fe80::1', port: 65535 }],
    ['a', null],
    ['a:65536', null],
    ['::1:80', null],
    ['[a]:80', null],
    ['a:', null],
  ])('reads the address %j', (text, expected) => {
    const reading = read(['--listen', text]);
    expect(reading.kind === 'config' ? reading.config.listen : null).toEqual(expected);
  });

  it('knows help and version before anything else', () => {
    expect(read(['--nonsense', '--help'])).toEqual({ kind: 'help' });
    expect(read(['--version', '--listen'])).toEqual({ kind: 'version' });
  });

  it('has a help that names every flag with its variable, default and need', () => {
    const help = helpOf(tested);
    expect(help).toMatch(/^tested: what it is for\n/);
    expect(help).toMatch(/^ {2}--listen <host:port> +address \(required\) \[MYELIN_LISTEN\]$/m);
    expect(help).toMatch(/^ {2}--resync-interval-ms <number> +pause \(default 50\) \[MYELIN_RESYNC_INTERVAL_MS\]$/m);
    expect(help).toMatch(/^ {2}--verbose +more words/m);
  });
});

it('control-plane services share these flags', () => {
  expect(Object.keys(controlPlaneFields)).toEqual(
    expect.arrayContaining(['listen', 'listenUnix', 'redis', 'nats', 'metricsListen', 'metricsPrefix', 'logLevel', 'stopDeadlineMs']),
  );
});
