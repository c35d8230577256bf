import type { LabClients } from '../cluster/clients.ts';
import { Deadline } from '../cluster/deadline.ts';
import type { Lab } from '../cluster/lab.ts';
import { kill, processNamed, processNames, start } from '../cluster/processes.ts';
import { startTraffic, type TrafficResult } from '../cluster/traffic.ts';
import type { ExchangeRequest } from '../plan/probes.ts';

/** Seconds that a process may take to be ready again. */
const startSeconds = 30;

/** What goes on while everything is killed in turn: within a node and between nodes, by address and by Service, to the outside and from it, allowed and denied. */
const exchanges: readonly Omit<ExchangeRequest, 'family'>[] = [
  { from: 'outside', to: 'shop/storefront', protocol: 'TCP', port: 8080, expect: 'reply' },
  { from: 'shop/storefront', to: 'shop/orders', protocol: 'TCP', port: 8080, expect: 'reply' },
  { from: 'shop/orders', to: 'office/ledger', protocol: 'TCP', port: 5432, expect: 'reply' },
  { from: 'shop/orders', to: 'svc:office/ledger', protocol: 'TCP', port: 5432, expect: 'reply' },
  { from: 'shop/orders', to: 'outside', protocol: 'TCP', port: 443, expect: 'reply' },
  { from: 'shop/storefront', to: 'office/metrics', protocol: 'UDP', port: 8125, expect: 'reply' },
  { from: 'node:node-1', to: 'shop/catalog', protocol: 'ICMP', expect: 'reply' },
  { from: 'shop/mailer', to: 'shop/orders', protocol: 'TCP', port: 8080, expect: 'none' },
  { from: 'shop/orders', to: 'office/metrics', protocol: 'UDP', port: 8125, expect: 'none' },
  { from: 'shop/storefront', to: 'shop/catalog', protocol: 'ICMP', expect: 'none' },
];

/** What came of it: the traffic, and how long each process took to be ready again. */
export interface FaultCheck {
  readonly killed: readonly { readonly process: string; readonly readyMs: number }[];
  readonly traffic: readonly TrafficResult[];
}

/** Kills every process in turn by SIGKILL and starts it again, while traffic goes on over both families. */
export async function checkFaults(lab: Lab, clients: LabClients, say: (text: string) => void): Promise<FaultCheck> {
  const traffic = await startTraffic(
    lab,
    exchanges.flatMap((exchange) => ([4, 6] as const).map((family): ExchangeRequest => ({ ...exchange, family }))),
  );
  const killed: { process: string; readyMs: number }[] = [];
  for (const name of processNames(lab)) {
    say(`killing ${name}, and starting it again`);
    const process = processNamed(lab, name);
    await kill(process);
    const started = performance.now();
    using deadline = new Deadline(startSeconds);
    await start(lab, process, clients, deadline);
    killed.push({ process: name, readyMs: Math.round(performance.now() - started) });
  }
  return { killed, traffic: await traffic.finish() };
}
