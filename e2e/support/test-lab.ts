import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  apply,
  type CommandContext,
  faultOf,
  knownPlaces,
  knownTargets,
  type Lab,
  type LabConfig,
  type LabStatus,
  type OpenTalk,
  openTalk,
  type Place,
  type ProbeOutcome,
  type ProbeRequest,
  readConfig,
  remove,
  runningLab,
  sendProbes,
  status,
  type WorkloadResult,
} from '@myelin/tool-lab';
import type { Manifest } from './manifests.ts';

const { projectRoot, path } = readConfig();
const program = join(projectRoot, 'tools', 'lab', 'dist', 'main.mjs');
const commandLine = join(projectRoot, 'apps', 'cli', 'dist', 'main.mjs');

/** Time for a change to be enforced, as the commands have. */
const timeoutSeconds = 30;

/** What a command stands behind that runs in a network namespace of this name. */
export const within = (namespace: string): readonly string[] => ['nsenter', `--net=/run/netns/${namespace}`];

/** How a command ended, and what it said. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A lab in a temporary directory, steered by its commands as people steer it. */
export class TestLab implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'e2e-'));
  readonly config: LabConfig = { projectRoot, labDir: join(this.folder, 'lab'), isNamed: true, path };
  readonly #within: readonly string[];
  #files = 0;

  /** `namespace`: a network namespace that its commands take for the machine's own. */
  constructor({ namespace = null }: { readonly namespace?: string | null } = {}) {
    this.#within = namespace === null ? [] : within(namespace);
  }

  /** Starts a lab with these manifests. Throws what `up` said when it fails. */
  static async up(...manifests: readonly Manifest[]): Promise<TestLab> {
    return TestLab.upWith([], ...manifests);
  }

  /** The same with options of `up`. One replica of each service unless they say otherwise: starting takes most of a short story's time. */
  static async upWith(options: readonly string[], ...manifests: readonly Manifest[]): Promise<TestLab> {
    const lab = new TestLab();
    const replicas = options.includes('--replicas') ? [] : ['--replicas', '1'];
    const result = await lab.run('up', ...replicas, ...options, lab.file(manifests));
    if (result.status === 0) return lab;
    await lab[Symbol.asyncDispose]();
    throw new Error(`up ended with ${result.status}:\n${result.stderr}`);
  }

  /** Runs a command of the lab to its end. */
  run(...words: readonly string[]): Promise<CommandResult> {
    return this.runWith({}, ...words);
  }

  /** The same, with other environment variables. */
  async runWith(environment: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<CommandResult> {
    return this.start(environment, ...words).result;
  }

  /** Starts a command; `kill` ends it at once. */
  start(
    environment: Readonly<Record<string, string>>,
    ...words: readonly string[]
  ): { readonly result: Promise<CommandResult>; kill(): void } {
    return this.#start([...this.#within, process.execPath, program, ...words], environment);
  }

  /** Runs a command of the lab behind another one, which changes who it is run as. */
  runBehind(before: readonly string[], ...words: readonly string[]): Promise<CommandResult> {
    return this.#start([...before, process.execPath, program, ...words]).result;
  }

  /** Runs `myelin` against this lab to its end. */
  myelin(...words: readonly string[]): Promise<CommandResult> {
    return this.#start([process.execPath, commandLine, ...words]).result;
  }

  /** Runs a line of shell in the project's folder, where `lab` and `myelin` are the commands of this lab; both of its streams are `stdout`, as a terminal shows them. */
  shell(line: string): Promise<CommandResult> {
    const words = `lab() { '${process.execPath}' '${program}' "$@"; }; myelin() { '${process.execPath}' '${commandLine}' "$@"; }; exec 2>&1; cd '${projectRoot}'\n${line}`;
    return this.#start(['bash', '-c', words]).result;
  }

  #start([command, ...words]: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(command!, words, {
      env: { ...process.env, LAB_DIR: this.config.labDir, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const result = new Promise<CommandResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve({ status, stdout, stderr }));
    });
    return { result, kill: () => child.kill('SIGKILL') };
  }

  /** Writes manifests (or any text) into a file and returns its name. */
  file(content: readonly Manifest[] | string, name = `${++this.#files}.yaml`): string {
    const file = join(this.folder, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : content.map((manifest) => JSON.stringify(manifest)).join('\n---\n'));
    return file;
  }

  /** Does what the command `apply` does with these manifests, without starting a process for it; throws what it says when it fails. */
  apply(...manifests: readonly Manifest[]): Promise<string> {
    return this.#inProcess((context) => apply(context, [this.file(manifests)], timeoutSeconds));
  }

  /** The same for `delete`. */
  delete(...manifests: readonly Manifest[]): Promise<string> {
    return this.#inProcess((context) => remove(context, [this.file(manifests)], timeoutSeconds));
  }

  /** Runs a command that has to succeed. */
  must(...words: readonly string[]): Promise<CommandResult> {
    return this.#must(...words);
  }

  async status(): Promise<LabStatus> {
    return JSON.parse(await this.#inProcess((context) => status(context, true))) as LabStatus;
  }

  /** Sends probes, all at once. */
  async probe(...probes: readonly ProbeRequest[]): Promise<readonly (ProbeRequest & ProbeOutcome)[]> {
    const file = this.file(JSON.stringify(probes), `probes-${++this.#files}.json`);
    return JSON.parse((await this.#must('probe', file)).stdout) as (ProbeRequest & ProbeOutcome)[];
  }

  /** The running lab, for what the commands don't offer. */
  get running(): Lab {
    return runningLab(this.config);
  }

  /** Opens an exchange that asks every 10 ms. */
  talk(from: string, to: string, protocol: ProbeRequest['protocol'], port: number, family: 4 | 6): Talk {
    return new Talk(this.running, from, to, protocol, port, family);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // For whoever looks into a failure: E2E_LOGS names a folder that keeps the logs of all labs.
    const { E2E_LOGS } = process.env;
    const logs = join(this.config.labDir, 'logs');
    if (E2E_LOGS && existsSync(logs)) cpSync(logs, join(E2E_LOGS, basename(this.folder)), { recursive: true });
    await this.run('down');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Returns what the command prints. */
  async #inProcess(command: (context: CommandContext) => Promise<number>): Promise<string> {
    let printed = '';
    let said = '';
    const context: CommandContext = {
      config: this.config,
      print: (text) => {
        printed += text;
      },
      say: (text) => {
        said += `${text}\n`;
      },
    };
    const code = await command(context);
    if (code !== 0) throw new Error(`the command ended with ${code}:\n${said}`);
    return printed;
  }

  async #must(...words: readonly string[]): Promise<CommandResult> {
    const result = await this.run(...words);
    if (result.status !== 0) throw new Error(`${words[0]} ended with ${result.status}:\n${result.stderr}`);
    return result;
  }
}

/** An open exchange and when its replies came, in milliseconds of performance.now(). */
export class Talk implements AsyncDisposable {
  readonly replies: number[] = [];
  readonly name: string;
  ended: WorkloadResult | undefined;
  readonly #lab: Lab;
  readonly #from: Place;
  readonly #protocol: ProbeRequest['protocol'];
  readonly #talk: OpenTalk;

  constructor(lab: Lab, from: string, to: string, protocol: ProbeRequest['protocol'], port: number, family: 4 | 6) {
    const places = knownPlaces(lab.state);
    const address = knownTargets(lab.state)
      .get(to)!
      .find((each) => each.includes(':') === (family === 6))!;
    this.name = `${from} → ${to} ${protocol} IPv${family}`;
    this.#lab = lab;
    this.#from = places.get(from)!.place;
    this.#protocol = protocol;
    this.#talk = openTalk(lab, this.#from, { protocol, address, port }, (result) => {
      if (result.ok) this.replies.push(performance.now());
      else this.ended = result;
    });
  }

  /** Resolves when `count` more replies have come; throws after `withinMs`. */
  async flows(count = 10, withinMs = 2000): Promise<void> {
    const wanted = this.replies.length + count;
    for (const started = performance.now(); this.replies.length < wanted; await sleep(5)) {
      if (this.ended !== undefined) throw new Error(`${this.name} ended: ${this.ended.error}`);
      if (performance.now() - started > withinMs)
        throw new Error(`${this.name}: ${count} replies expected, ${this.replies.length - wanted + count} came`);
    }
  }

  /** Resolves when every reply that has reached the asking place is in `replies`: its process has answered something later, of its own. */
  async hear(): Promise<void> {
    await sendProbes(this.#lab, this.#from, [{ protocol: 'UDP', address: '127.0.0.1', port: 9 }]);
    await sleep(1);
  }

  /** Asks no more, waits for late answers, and says what is wrong with the exchange; null: nothing, not a question is without its answer. */
  async finish(): Promise<string | null> {
    const asked = await this.#talk.finish();
    const account = { asked, replies: this.replies.length, longestGap: 0, ended: this.ended?.error ?? null };
    const fault = faultOf({ expect: 'reply', protocol: this.#protocol }, account);
    return fault === null ? null : `${this.name}: ${fault}`;
  }

  /** How long after a moment the last reply came; negative when it came before. */
  lastReplyAfter(moment: number): number {
    return (this.replies.at(-1) ?? Number.NEGATIVE_INFINITY) - moment;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#talk.stop();
  }
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Both families of a probe. */
export const bothFamilies = (probe: Omit<ProbeRequest, 'family'>): readonly [ProbeRequest, ProbeRequest] => [
  { ...probe, family: 4 },
  { ...probe, family: 6 },
];
