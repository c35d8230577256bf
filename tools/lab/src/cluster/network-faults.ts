import { LabFailure } from '../failure.ts';
import { CommandError, run } from '../machine/process.ts';
import { faultRules, linkOf } from '../plan/faults.ts';
import type { NetworkFaults } from '../plan/state.ts';
import { type Lab, saveState, setupIn } from './lab.ts';

/** Makes the fabric as broken as this, in place of what was broken before. */
export async function setNetworkFaults(lab: Lab, faults: NetworkFaults): Promise<void> {
  const where = setupIn(lab, { kind: 'fabric' });
  await run(where, ['nft', '-f', '-'], faultRules(lab.state, faults));
  for (const [end, ms] of Object.entries(faults.delay))
    if (lab.state.faults.delay[end] !== ms)
      await shape(() => run(where, ['tc', 'qdisc', 'replace', 'dev', linkOf(lab.state, end), 'root', 'netem', 'delay', `${ms}ms`]));
  for (const end of Object.keys(lab.state.faults.delay))
    if (!(end in faults.delay)) await run(where, ['tc', 'qdisc', 'delete', 'dev', linkOf(lab.state, end), 'root']);
  lab.state.faults = faults;
  saveState(lab);
}

async function shape(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (error instanceof CommandError && /qdisc kind is unknown/.test(error.message))
      throw new LabFailure(
        'this kernel has no netem (CONFIG_NET_SCH_NETEM), which delays packets: boot one that has, as Debian\u2019s own',
      );
    throw error;
  }
}
