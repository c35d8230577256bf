#!/usr/bin/env node
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flowJson } from '@myelin/flow-api';
import { object } from '@optique/core/constructs';
import { message } from '@optique/core/message';
import { option } from '@optique/core/primitives';
import { run } from '@optique/run';
import { LabClients } from '../cluster/clients.ts';
import { openLab } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import { takeDown } from '../cluster/teardown.ts';
import { up } from '../commands/up.ts';
import { readConfig } from '../config.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { LabFailure } from '../failure.ts';
import { checkAll } from './check.ts';
import { checkEdit } from './edit.ts';
import { expectations } from './expectations.ts';
import { checkFaults } from './faults.ts';
import { narrate, narrateEdit, narrateFaults, thingsToTry } from './narrate.ts';

const { keep, json } = run(
  object({
    keep: option('--keep', { description: message`Leave the lab running, and say what to try on it.` }),
    json: option('--json', { description: message`Print the results as JSON.` }),
  }),
  {
    programName: 'demo',
    help: 'option',
    brief: message`A small application on two nodes, its policies enforced in their kernel, every expectation tried by real connections, and every process killed in turn.`,
  },
);

/** A lab of the demo's own, unless LAB_DIR says where: whatever a demo before has left in it goes first. */
const config = readConfig(join(tmpdir(), 'myelin-demo'));
const say = (text: string) => process.stderr.write(`demo: ${text}\n`);
const print = (text: string) => process.stdout.write(`${text}\n`);
const example = join(config.projectRoot, 'examples', 'bookshop');

/** Returns whether every expectation held. */
async function tell(): Promise<boolean> {
  const lab = openLab(config);
  using clients = new LabClients(lab);
  say(`trying ${expectations.length} expectations, over IPv4 and IPv6`);
  const checks = await checkAll(lab, expectations, clients);
  if (!json) for (const [index, expectation] of expectations.entries()) print(narrate(expectation, checks[index]!));
  const troubles = checks.flat().filter(({ difference }) => difference !== null);
  // To be read by whoever finds one: it may never be seen again.
  for (const line of troubles.length === 0 ? [] : await diagnose(lab, troubles)) say(line);
  const cuts = await checkEdit(lab, join(example, 'edits', 'close-catalog.yaml'), clients);
  if (!json) print(narrateEdit(cuts));
  const faults = await checkFaults(lab, clients, say);
  const differences = [...checks.flat(), ...cuts].map(({ difference }) => difference);
  const all = [...differences, ...faults.traffic.map(({ fault }) => fault)];
  const held = all.filter((difference) => difference === null).length;
  if (json) {
    const shown = <T extends { event: Parameters<typeof flowJson>[0] | undefined }>({ event, ...rest }: T) => ({
      ...rest,
      event: event === undefined ? null : flowJson(event),
    });
    print(
      JSON.stringify(
        {
          ok: held === all.length,
          checks: expectations.flatMap((row, index) => checks[index]!.map((check) => ({ ...row, ...shown(check) }))),
          edit: cuts.map(shown),
          faults,
        },
        null,
        2,
      ),
    );
  } else print(`${narrateFaults(faults)}\n\n${held} of ${all.length} hold.`);
  return held === all.length;
}

async function demo(): Promise<number> {
  if (!config.isNamed) await takeDown(openLab(config));
  const status = await up({ config, print, say }, [example], 30);
  if (status !== 0) return status;
  return (await tell()) ? 0 : 1;
}

// A reader that has seen enough (`npm run demo | head`) doesn't keep the lab from being taken down.
process.stdout.on('error', () => {});
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    interrupted = true;
    say('interrupted: taking the lab down');
    await takeDown(openLab(config));
    process.exit(130);
  });
}
try {
  // Two demos would take each other's lab down.
  process.exitCode = await withLock(`${config.labDir}.demo-lock`, 'demo', 0, async () => {
    try {
      const status = await demo();
      if (keep) print(thingsToTry(`LAB_DIR=${config.labDir} `, openLab(config).state.nodes[0]!.name));
      return status;
    } finally {
      if (!keep) await takeDown(openLab(config));
    }
  });
} catch (error) {
  // What breaks now breaks because the lab is being taken down.
  if (interrupted) await new Promise(() => {});
  if (!(error instanceof LabFailure)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}
