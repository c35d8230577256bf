import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { runningLab } from '../cluster/lab.ts';
import { startTraffic, type TrafficResult } from '../cluster/traffic.ts';
import { exitCodes, LabFailure } from '../failure.ts';
import { ProbeInputError, readExchanges } from '../plan/probes.ts';
import type { CommandContext } from './command-context.ts';
import { readText } from './probe.ts';

/** `traffic <file.json|->`: keeps exchanges going until the time is over or Ctrl-C, then tells every loss, gap and unpoliced packet. Exit code 1 where there is one. */
export async function traffic(
  { config, print, say }: CommandContext,
  file: string,
  seconds: number | undefined,
  json: boolean,
): Promise<number> {
  const lab = runningLab(config);
  try {
    const running = await startTraffic(lab, readExchanges(readText(file)));
    say(seconds === undefined ? 'traffic goes on until Ctrl-C' : `traffic goes on for ${seconds} s`);
    await untilOver(seconds);
    const results = await running.finish();
    print(json ? `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]` : table(results));
    return results.every(({ fault }) => fault === null) ? exitCodes.ok : exitCodes.failed;
  } catch (error) {
    if (error instanceof ProbeInputError) throw new LabFailure(`nothing was sent:\n${error.message}`);
    throw error;
  }
}

async function untilOver(seconds: number | undefined): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await delay(seconds === undefined ? 2 ** 31 - 1 : seconds * 1000, undefined, { signal: stop.signal }).catch(() => {});
}

function table(results: readonly TrafficResult[]): string {
  const rows = new Table({ head: ['FLOW', 'ASKED', 'REPLIES', 'LONGEST GAP', 'FAULT'], style: { head: [], border: [] } });
  for (const { from, to, protocol, port, family, expect, asked, replies, longestGap, fault } of results) {
    const what = [
      protocol,
      protocol === 'ICMP' ? '' : port,
      family === undefined ? '' : `IPv${family}`,
      expect === 'none' ? '(denied)' : '',
    ];
    rows.push([
      `${from} → ${to} ${what.filter(Boolean).join(' ')}`,
      asked,
      replies,
      expect === 'none' ? '-' : `${longestGap} ms`,
      fault ?? 'none',
    ]);
  }
  return rows.toString();
}
