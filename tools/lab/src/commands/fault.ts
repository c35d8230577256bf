import { LabClients } from '../cluster/clients.ts';
import { redisCli } from '../cluster/credentials.ts';
import { Deadline } from '../cluster/deadline.ts';
import { type Lab, runningLab } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import { setNetworkFaults } from '../cluster/network-faults.ts';
import { kill, processNamed, restart, start, wipeNats } from '../cluster/processes.ts';
import { LabFailure } from '../failure.ts';
import { isAlive, signal } from '../machine/process.ts';
import { faultEnds, withPartition } from '../plan/faults.ts';
import { noFaults } from '../plan/state.ts';
import type { CommandContext } from './command-context.ts';

/** What is to go wrong, or right again. */
export type Fault =
  | { readonly what: 'kill' | 'stop' | 'cont' | 'start'; readonly process: string }
  | { readonly what: 'partition'; readonly ends: readonly [string, string] }
  | { readonly what: 'loss'; readonly end: string; readonly percent: number }
  | { readonly what: 'delay'; readonly end: string; readonly ms: number }
  | { readonly what: 'heal' }
  | { readonly what: 'redis'; readonly how: 'flush' | 'restart' }
  | { readonly what: 'nats'; readonly how: 'wipe' | 'restart' };

/** `fault …`: breaks something of a running lab on purpose, or mends it. Returns when it is broken, or ready again. */
export function fault({ config, say }: CommandContext, what: Fault, timeoutSeconds: number): Promise<number> {
  return withLock(runningLab(config).paths.lock, `fault ${what.what}`, timeoutSeconds * 1000, async () => {
    const lab = runningLab(config);
    using clients = new LabClients(lab);
    using deadline = new Deadline(timeoutSeconds);
    say(await make(lab, what, clients, deadline));
    return 0;
  });
}

/** Returns what has become of it. */
async function make(lab: Lab, fault: Fault, clients: LabClients, deadline: Deadline): Promise<string> {
  const { faults } = lab.state;
  switch (fault.what) {
    case 'partition': {
      const [a, b] = fault.ends.map((end) => endNamed(lab, end)) as [string, string];
      if (a === b || !`${a} ${b}`.includes('node:'))
        throw new LabFailure(`${a} and ${b} don\u2019t reach each other anyway: one end has to be a node`);
      await setNetworkFaults(lab, withPartition(faults, a, b));
      return `${a} and ${b} don\u2019t reach each other until "fault heal"`;
    }
    case 'loss':
      await setNetworkFaults(lab, { ...faults, loss: { ...faults.loss, [endNamed(lab, fault.end)]: Math.round(fault.percent * 10) } });
      return `${fault.percent} % of the packets of ${fault.end} get lost, each way, until "fault heal"`;
    case 'delay':
      await setNetworkFaults(lab, { ...faults, delay: { ...faults.delay, [endNamed(lab, fault.end)]: fault.ms } });
      return `packets to ${fault.end} take ${fault.ms} ms longer until "fault heal"`;
    case 'heal':
      await setNetworkFaults(lab, noFaults);
      return 'the network is whole';
    case 'redis':
      if (fault.how === 'restart') await restart(lab, 'redis', clients, deadline);
      else await redisCli(lab.paths, 'FLUSHALL');
      return fault.how === 'restart' ? 'redis runs again, with what it had' : 'redis is empty';
    case 'nats':
      await restart(lab, 'nats', clients, deadline, fault.how === 'wipe' ? () => wipeNats(lab) : undefined);
      return `nats runs again, ${fault.how === 'wipe' ? 'empty' : 'with what it had'}`;
    default:
      return signalled(lab, fault.what, fault.process, clients, deadline);
  }
}

async function signalled(
  lab: Lab,
  what: 'kill' | 'stop' | 'cont' | 'start',
  name: string,
  clients: LabClients,
  deadline: Deadline,
): Promise<string> {
  const process = processNamed(lab, name);
  const runs = process.id !== null && isAlive(process.id);
  if (what === 'start') {
    if (runs) throw new LabFailure(`${name} runs (process ${process.id!.pid})`);
    const started = performance.now();
    await start(lab, process, clients, deadline);
    return `${name} is ready after ${Math.round(performance.now() - started)} ms`;
  }
  if (!runs) throw new LabFailure(`${name} doesn\u2019t run: "fault start ${name}" starts it`);
  if (what === 'kill') await kill(process);
  else signal(process.id!, what === 'stop' ? 'SIGSTOP' : 'SIGCONT');
  return `${name} ${what === 'kill' ? 'is dead' : what === 'stop' ? 'is paused' : 'goes on'}`;
}

function endNamed({ state }: Lab, name: string): string {
  const ends = faultEnds(state);
  const end = [name, `node:${name}`].find((each) => ends.includes(each));
  if (end === undefined) throw new LabFailure(`there is no "${name}" in the fabric: one of ${ends.join(', ')}`);
  return end;
}
