import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, server } from './kernel/cast.ts';
import { type Placed, RealPods } from './kernel/real-pods.ts';
import { families } from './packets/talk.ts';

// Two pods in namespaces of their own, the programs on real veth pairs in this namespace, real sockets at both ends.

let node: RealPods;
let pods: { readonly client: Placed; readonly server: Placed };

beforeAll(async () => {
  node = await RealPods.load();
  pods = { client: await node.place(client, 'client'), server: await node.place(server, 'server') };
  await Promise.all([node.serve(pods.server.namespace, 4, 8080), node.serve(pods.server.namespace, 6, 8086)]);
});
afterAll(() => node?.close());

const ask = (protocol: 'tcp' | 'udp', address: string, port: number) => node.ask(pods.client.namespace, protocol, address, port);

describe.each(families)('two pods on real interfaces, IPv%i', (family) => {
  const address = family === 4 ? server.ipv4 : server.ipv6;
  const port = family === 4 ? 8080 : 8086;

  it("find their gateway and answer each other's pings", async () => {
    const { status, output } = await node.ping(pods.client.namespace, address);
    expect(output).toContain('3 received');
    expect(status).toBe(0);
  });

  it('hold a TCP conversation', async () => {
    expect(await ask('tcp', address, port)).toEqual({ status: 0, output: 'tcp hello' });
  });

  it('exchange datagrams', async () => {
    expect(await ask('udp', address, port)).toEqual({ status: 0, output: 'udp hello' });
  });

  it('are told at once that nobody listens: errors and resets of their flows come back', async () => {
    expect((await ask('tcp', address, 9)).status).toBe(3);
    const { output } = await node.namespaces.exec(pods.client.namespace, process.execPath, ['-e', connectedDatagram(address)]);
    expect(output).toContain('ECONNREFUSED');
  });

  it('do not reach each other when policy forbids it, and do again when it permits it', async () => {
    node.tables.policies.set(server.subject, {
      ingressDefault: 1,
      entries: [{ direction: 'ingress', peer: 'any', protocol: 17, origin: 2 }],
    });
    expect((await ask('tcp', address, port)).status).toBe(2);
    expect(await ask('udp', address, port)).toEqual({ status: 0, output: 'udp hello' });
    node.tables.policies.set(server.subject, {});
    expect(await ask('tcp', address, port)).toEqual({ status: 0, output: 'tcp hello' });
  });
});

/** Node's datagram sockets are told of errors only when connected. */
function connectedDatagram(address: string): string {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  return `const s=require('node:dgram').createSocket('${type}');s.on('error',e=>{console.log(e.code);process.exit(0)});s.connect(9,'${address}',()=>{s.send('x');setTimeout(()=>process.exit(1),1000)})`;
}
