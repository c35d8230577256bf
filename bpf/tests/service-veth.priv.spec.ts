import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { client, server } from './kernel/cast.ts';
import { type Placed, RealPods } from './kernel/real-pods.ts';
import type { Backend } from './kernel/services.ts';
import { families } from './packets/talk.ts';

// Services between real sockets: what senders leave to the network card (checksums, segments) is as it is on a node.

let node: RealPods;
let pods: { readonly client: Placed; readonly server: Placed };
const folder = mkdtempSync(join(tmpdir(), 'myelin-service-'));

beforeAll(async () => {
  node = await RealPods.load();
  pods = { client: await node.place(client, 'client'), server: await node.place(server, 'server') };
  await Promise.all([node.serve(pods.server.namespace, 4, 8080), node.serve(pods.server.namespace, 6, 8086)]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  node?.close();
});

describe.each(families)('a service between real sockets, IPv%i', (family) => {
  const vip = family === 4 ? '10.96.0.7' : 'fd00:96::7';
  const backend: Backend = { address: family === 4 ? server.ipv4 : server.ipv6, port: family === 4 ? 8080 : 8086 };
  const serve = (backends: readonly Backend[]) => {
    for (const [pool, protocol] of [[family, 'tcp'] as const, [family + 1, 'udp'] as const])
      node.tables.services.set({ pool, address: vip, port: 80, protocol, backends });
  };
  const run = (from: Placed, script: string) => node.namespaces.exec(from.namespace, process.execPath, ['-e', script]);
  beforeEach(() => serve([backend]));

  it.each(['tcp', 'udp'] as const)('answers over %s', async (protocol) => {
    expect(await node.ask(pods.client.namespace, protocol, vip, 80)).toEqual({ status: 0, output: `${protocol} hello` });
  });

  it.each(['tcp', 'udp'] as const)('answers the pod itself that is its backend, over %s', async (protocol) => {
    expect(await node.ask(pods.server.namespace, protocol, vip, 80)).toEqual({ status: 0, output: `${protocol} hello` });
  });

  it('carries bulk, in segments as large as senders make them', async () => {
    const script = `const s=require('node:net').connect(80,'${vip}',()=>s.write(Buffer.alloc(4000000,'x')));let n=0;
      s.on('data',(d)=>{n+=d.length});s.on('error',(e)=>console.log(e.code));s.on('close',()=>console.log(n>1000))`;
    expect((await run(pods.client, script)).output.trim().split('\n').at(-1)).toBe('true');
  });

  it('without backends refuses TCP by a reset and datagrams by an error, at once', async () => {
    serve([]);
    expect((await node.ask(pods.client.namespace, 'tcp', vip, 80)).status).toBe(3);
    const script = `const s=require('node:dgram').createSocket('udp${family}');s.on('error',e=>{console.log(e.code);process.exit(0)});
      s.connect(80,'${vip}',()=>{setInterval(()=>s.send('x'),50);setTimeout(()=>process.exit(1),9000)})`;
    expect((await run(pods.client, script)).output).toContain('ECONNREFUSED');
  });

  it('has a port on which its backend does not listen: both are told', async () => {
    serve([{ ...backend, port: 9 }]);
    expect((await node.ask(pods.client.namespace, 'tcp', vip, 80)).status).toBe(3);
    const script = `const s=require('node:dgram').createSocket('udp${family}');s.on('error',e=>{console.log(e.code);process.exit(0)});
      s.connect(80,'${vip}',()=>{setInterval(()=>s.send('x'),50);setTimeout(()=>process.exit(1),9000)})`;
    expect((await run(pods.client, script)).output).toContain('ECONNREFUSED');
  });

  it('resets a live connection whose backend is removed, when the client speaks again', async () => {
    const [open, go] = ['open', 'go'].map((name) => join(folder, `${name}${family}`)) as [string, string];
    const script = `const f=require('node:fs');const s=require('node:net').connect(80,'${vip}',()=>f.writeFileSync('${open}',''));
      s.on('error',(e)=>{console.log(e.code);process.exit(0)});
      setInterval(()=>{if(f.existsSync('${go}'))s.write('x')},20);setTimeout(()=>process.exit(1),9000)`;
    const talk = run(pods.client, script);
    await vi.waitFor(() => expect(existsSync(open)).toBe(true), { timeout: 8000 });
    serve([{ address: family === 4 ? '198.51.100.1' : '2001:db8:5::1', port: 80 }]);
    writeFileSync(go, '');
    expect((await talk).output).toMatch(/ECONNRESET|EPIPE/);
  });

  it('resets a client that only reads, when its removed backend speaks', async () => {
    const [open, done] = ['reading', 'done'].map((name) => join(folder, `${name}${family}`)) as [string, string];
    const port = 8090 + family;
    const speaker = `const f=require('node:fs');require('node:net').createServer((s)=>{s.on('error',()=>{});
      setInterval(()=>s.write('x'.repeat(4000)),20)}).listen(${port});
      setInterval(()=>f.existsSync('${done}')&&process.exit(0),50);setTimeout(()=>process.exit(1),50000)`;
    const speaking = run(pods.server, speaker);
    serve([{ ...backend, port }]);
    const script = `const f=require('node:fs');let late=Date.now()+40000;const read=()=>{
      const s=require('node:net').connect(80,'${vip}');let n=0;s.on('data',(d)=>{n+=d.length;if(n>20000)f.writeFileSync('${open}','')});
      s.on('error',(e)=>{if(n===0&&Date.now()<late)return setTimeout(read,50);console.log(e.code,n>0);process.exit(0)})};
      read();setTimeout(()=>process.exit(1),40000)`;
    const reading = run(pods.client, script);
    await vi.waitFor(() => expect(existsSync(open)).toBe(true), { timeout: 40_000 });
    serve([{ address: family === 4 ? '198.51.100.1' : '2001:db8:5::1', port: 80 }]);
    expect((await reading).output.trim()).toBe('ECONNRESET true');
    writeFileSync(done, '');
    await speaking;
  });
});
