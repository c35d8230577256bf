import { chmodSync, existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { leftovers } from './support/leftovers.ts';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { type CommandResult, TestLab } from './support/test-lab.ts';

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.up(namespace('red'), pod('red/server'), pod('red/client'));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const policyWith = (spec: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: red}\nspec:\n${spec}`;

/** What is wrong, as text, and what has to stand in the message. */
const cases: readonly [string, string, RegExp][] = [
  ['invalid YAML', 'kind: [Pod', /bad\.yaml:\d+:\d+: document 1: .*expected valid YAML/],
  ['an unknown kind', 'apiVersion: v1\nkind: Podd\nmetadata: {name: x}', /document 1, kind: unknown kind "Podd".*did you mean "Pod"\?/],
  [
    'an unknown field in the second document',
    `---\n${JSON.stringify(namespace('x'))}\n---\n${policyWith('  podSelector: {}\n  ingres: []')}`,
    /document 2, spec\.ingres: unknown field "ingres"; expected .*did you mean "ingress"\?/,
  ],
  [
    'a field that is not supported yet',
    'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: red}\nspec:\n  endpointSelector: {}\n  egress: [{toFQDNs: [{matchName: a.b}]}]',
    /document 1, spec\.egress\[0\]\.toFQDNs: not supported yet/,
  ],
  [
    'a policy kind that is not supported yet',
    'apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec: {}',
    /kind: .*ClusterNetworkPolicy.*not supported yet/,
  ],
  ['a wrong type', policyWith('  podSelector: []'), /spec\.podSelector: found a list; expected an object/],
  [
    'a port out of range',
    policyWith('  podSelector: {}\n  ingress: [{ports: [{port: 70000}]}]'),
    /spec\.ingress\[0\]\.ports\[0\]\.port: .*70000/,
  ],
  [
    'a bad CIDR',
    policyWith('  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]'),
    /spec\.ingress\[0\]\.from\[0\]\.ipBlock\.cidr: .*10\.0\.0\.0\/33/,
  ],
  [
    'a field that is written twice',
    policyWith('  podSelector: {}\n  podSelector: {}'),
    /spec\.podSelector: written twice; expected each field once/,
  ],
  [
    'another version of a kind',
    policyWith('  podSelector: {}').replace('/v1', '/v1beta1'),
    /apiVersion: found string "networking\.k8s\.io\/v1beta1"/,
  ],
  [
    'several slips at once',
    policyWith('  podSelectr: {}\n  ingress: [{ports: [{port: 0}, {port: 90, endPort: 80}]}]'),
    /podSelectr: unknown field.*\n.*ports\[0\]\.port: .*\n.*ports\[1\]\.endPort: found number 80; expected at least 90/,
  ],
  [
    'a port of a pod out of range',
    JSON.stringify(pod('red/x', { ports: [0] })),
    /spec\.containers\[0\]\.ports\[0\]\.containerPort: .*1–65535/,
  ],
  [
    'a node that is not there',
    JSON.stringify(pod('red/x', { spec: { nodeName: 'node1' } })),
    /spec\.nodeName: there is no node "node1"; .*did you mean "node-1"\?/,
  ],
];

/** The lines of a message that speak of a file. */
const linesAbout = (file: string, { stderr }: CommandResult) =>
  stderr
    .split('\n')
    .filter((line) => line.includes(`${file}:`))
    .join('\n');

describe('apply', () => {
  let result: CommandResult;
  let files: readonly string[];
  beforeAll(async () => {
    const good = lab.file([networkPolicy('red/good', { podSelector: app('server') })], 'good.yaml');
    files = cases.map(([, text], index) => lab.file(text, `${index}/bad.yaml`));
    result = await lab.run('apply', ...[good, ...files].flatMap((file) => ['-f', file]));
  });

  it('ends with an error and says that nothing was changed', () => {
    expect(result).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('nothing was changed') });
  });
  it.each(cases.map(([what, , message], index) => [what, message, index] as const))(
    'refuses %s: file, document, path, what is expected',
    (_, message, index) => {
      expect(linesAbout(files[index]!, result)).toMatch(message);
    },
  );
  it('has applied nothing of all that, the good file beside them neither', async () => {
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply' });
    expect((await lab.status()).pods).toHaveLength(2);
  });
  it('takes a port name beside an ipBlock, and warns that it matches nobody there', async () => {
    const blocks = ['198.51.100.0/24', '2001:db8:ffff::/64'].map((cidr) => ({ ipBlock: { cidr } }));
    const to = [...blocks, { podSelector: app('client') }];
    const policy = networkPolicy('red/names', {
      podSelector: app('server'),
      policyTypes: ['Egress'],
      egress: [{ to, ports: [{ port: 'web' }, { port: 443 }] }],
    });
    const { status, stderr } = await lab.run('apply', '-f', lab.file([policy]));
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/spec\.egress\[0\]\.ports\[0\]\.port: the port name "web" matches nobody of the ipBlock beside it/);
    await expectProbes(lab, { 'red/server -> outside TCP 443': 'reply', 'red/server -> outside TCP 80': 'timeout' });
    await lab.delete(policy);
  });

  it('passes kinds over that it has no use for yet, and applies the rest', async () => {
    const result = await lab.must(
      'apply',
      '-f',
      lab.file([{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'red' } }, namespace('red')]),
    );
    expect(result.stderr).toMatch(/Deployment red\/web passed over/);
  });
});

describe('myelin policy apply', () => {
  it('refuses the same: all that is wrong in any of the files is told in their order, and nothing is applied', async () => {
    const good = lab.file([networkPolicy('red/good', { podSelector: app('server') })], 'a-good.yaml');
    const bad = cases.filter(([what]) => !/pod|node/.test(what));
    const files = bad.map(([, text], index) => lab.file(text, `b-${index}/bad.yaml`));
    const result = await lab.myelin('policy', 'apply', ...[good, ...files].flatMap((file) => ['-f', file]));
    expect(result.status).toBe(2);
    for (const [, , message] of bad) expect(result.stderr).toMatch(message);
    const named = [...result.stderr.matchAll(/(\S+bad\.yaml):/g)].map(([, file]) => file);
    expect([...new Set(named)]).toEqual(files);
    expect((await lab.myelin('policy', 'list', '-o', 'json')).stdout).toContain('"policies": []');
  });
  it('refuses a policy that stands in two files', async () => {
    const files = ['one.yaml', 'two.yaml'].map((name) => lab.file([networkPolicy('red/good', { podSelector: app('server') })], name));
    const result = await lab.myelin('policy', 'apply', '-f', files[0]!, '-f', files[1]!);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/two\.yaml:.*metadata\.name: NetworkPolicy\/red\/good stands in \S+one\.yaml, document 1, already/);
  });
  it('takes policies beside other objects of Kubernetes, which it passes over with a word', async () => {
    const policy = networkPolicy('red/good', { podSelector: app('nobody') });
    const file = lab.file([namespace('red'), policy], 'mixed.yaml');
    const result = await lab.myelin('policy', 'apply', '-f', file);
    expect(result).toMatchObject({ status: 0, stderr: expect.stringContaining('Namespace is no policy kind: passed over') });
    await lab.delete(policy);
  });
});

/** Lets nobody read where root has put the project. */
const reader = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];

describe('up', () => {
  it('begins nothing when a file is bad or missing', async () => {
    await using fresh = new TestLab();
    for (const file of [fresh.file('kind: Podd', 'bad.yaml'), '/nowhere/at/all.yaml']) {
      const result = await fresh.run('up', fresh.file([namespace('red')]), file);
      expect(result.status).toBe(1);
      expect(result.stderr).toContain(file);
      expect(leftovers(fresh.config)).toEqual([]);
    }
  });
  it('names every program that is missing, and what to install, before it begins', async () => {
    await using fresh = new TestLab();
    const result = await fresh.runWith({ PATH: '/nowhere' }, 'up', fresh.file([namespace('red')]));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/no program "redis-server": apt-get install redis-server/);
    expect(existsSync(fresh.config.labDir)).toBe(false);
  });
  it.each([
    ['is not root', ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...reader], /not root: .*; run the command with sudo/],
    ['is root in name only', ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'], /root without CAP_SYS_ADMIN: /],
  ])('says what it needs when it %s, and leaves nothing', async (_, before, message) => {
    await using fresh = new TestLab();
    // Whoever it is may write there.
    chmodSync(fresh.folder, 0o777);
    const result = await fresh.runBehind(before, 'up', fresh.file([namespace('red')]));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(leftovers(fresh.config)).toEqual([]);
  });
  it('says that a directory is too long for its sockets', async () => {
    await using fresh = new TestLab();
    const result = await fresh.runWith({ LAB_DIR: `/tmp/${'long/'.repeat(20)}` }, 'up', fresh.file([namespace('red')]));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/too long for a unix socket .*: set LAB_DIR to a shorter path/);
  });
  it('refuses a second lab in the same directory', async () => {
    const result = await lab.run('up', lab.file([namespace('red')]));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/there is a lab in .* already: use "apply"/);
  });
});

describe('exec', () => {
  it('passes on output and exit code of the command', async () => {
    expect(await lab.run('exec', 'red/server', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });
  it('runs in the network of the place', async () => {
    const { pods } = await lab.status();
    for (const [place, address] of [
      ['red/server', pods.find(({ name }) => name === 'server')!.addresses[0]],
      ['node:node-1', '172.30.0.11'],
      ['outside', '198.51.100.10'],
    ] as const) {
      expect((await lab.must('exec', place, '--', 'ip', '-o', 'address')).stdout, place).toContain(` ${address}/`);
    }
  });
  it('names the nearest place for one that is not there', async () => {
    const result = await lab.run('exec', 'red/sever', '--', 'true');
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/there is no "red\/sever".*did you mean "red\/server"\?/);
  });
});

describe('probe', () => {
  it('sends nothing when a probe is wrong, and says which', async () => {
    const result = await lab.run('probe', lab.file('[{"from":"outside","to":"red/none","port":80,"protocol":"TCP"}]', 'p.json'));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/\$\[0\]\.to: there is no "red\/none"/);
  });
  it('answers for a thousand at once, in their order', async () => {
    const places = ['red/server', 'red/client', 'node:node-1', 'outside'];
    const probes = Array.from({ length: 1000 }, (_, index) => ({
      from: places[index % 4]!,
      to: index % 10 === 9 ? 'svc:red/web' : index % 10 === 8 ? 'ip:10.244.0.200' : places[(index >> 2) % 4]!,
      port: 8080,
      protocol: (['TCP', 'UDP', 'ICMP'] as const)[index % 3]!,
      family: index % 10 === 8 ? (4 as const) : index % 2 === 0 ? (4 as const) : (6 as const),
    }));
    const outcomes = await lab.probe(...probes);
    expect(outcomes.map(({ from, to, port, protocol, family }) => ({ from, to, port, protocol, family }))).toEqual(probes);
    expect(outcomes.filter(({ to }) => to === 'svc:red/web').every(({ error }) => error === 'unsupported')).toBe(true);
    // Pods listen on 80 alone; an address of the pod range that nobody has drops.
    const expected = ({ to, protocol }: (typeof outcomes)[number]) =>
      to.startsWith('ip:') ? ['timeout', 'unreachable'] : protocol === 'ICMP' || !to.startsWith('red/') ? [null] : ['refused'];
    const wrong = outcomes
      .filter(({ to }) => !to.startsWith('svc:'))
      .filter((outcome) => !expected(outcome).includes(outcome.error as never));
    expect(wrong).toEqual([]);
  });
});
