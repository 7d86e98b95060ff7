/** Two hosts on this machine, each with an engine and an agent of its own: neighbours of one tenant only, and an agent that is killed apart. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { ensureDocker } from '../support/docker.ts';
import { startDockerd } from '../support/dockerd.ts';
import { needRoot } from '../support/need-root.ts';
import { addressOf, type Container } from '../support/network-site.ts';
import { program } from '../support/run-program.ts';
import { createSite, until, testImage } from '../support/troupe.ts';
import { addToken } from '../support/tokens.ts';

needRoot();
await ensureDocker();
t.setTimeout(600_000);

const engine = await startDockerd();
t.teardown(() => engine.stop());
const site = await createSite(['network.mode=own', 'scheduler.neighbours=enforced', 'host.lostMs=30000']);
t.teardown(() => site.clean());
const { api } = site;
const processes = join(import.meta.dirname, '..', 'chaos');
const sockets = { left: '/var/run/docker.sock', right: engine.socket } as const;
type Host = keyof typeof sockets;

const controlPlane = site.start(join(processes, 'control-plane-process.js'), site.settings);
await once(controlPlane, 'message');
const projects = ['blue', 'red', 'green'] as const;
type Project = (typeof projects)[number];
const tokens = Object.fromEntries(projects.map((each) => [each, addToken(site.directory, each)])) as Record<
  Project,
  string
>;

const agents = new Map<Host, ChildProcess>();
const startAgent = async (host: Host): Promise<void> => {
  const joining = await until(
    'a join token',
    () => api.call<{ join_token: string }>('POST', '/v1/join_tokens'),
    (answer) => answer?.status === 201,
  );
  const settings = [
    `state.directory=${site.directory}/${host}`,
    `agent.controlUrl=${api.url.replace('http', 'ws')}`,
    `agent.hostname=${host}`,
    `engine.socket=${sockets[host]}`,
    'network.mode=own',
  ];
  const agent = site.start(join(processes, 'agent-process.js'), settings, { JOIN: joining!.body.join_token });
  agents.set(host, agent);
  await until(
    `${host} to be online`,
    () => api.call<{ hosts: { hostname: string; state: string }[] }>('GET', '/v1/hosts'),
    (answer) => answer?.body.hosts.some((each) => each.hostname === host && each.state === 'online') ?? false,
  );
};
await startAgent('left');
await startAgent('right');

const as = (project: Project) => ({ 'x-auth-token': tokens[project] });
const reach = async (uuid: string, status: string): Promise<Container & { readonly host: Host }> => {
  const answer = await until(
    `${uuid} to be ${status}`,
    () => api.call<Container & { readonly host: Host }>('GET', `/v1/containers/${uuid}`),
    (given) => given?.body.status === status,
  );
  return answer!.body;
};
const create = async (project: Project, name: string, body: object = {}): Promise<string> => {
  const asked = { name, image: testImage, command: ['sleep', '600'], ...body };
  const created = await api.call('POST', '/v1/containers?run=true', asked, as(project));
  if (created?.status !== 202) throw new Error(`"${name}" was refused: ${JSON.stringify(created?.body)}`);
  return created.body.uuid;
};
const run = async (project: Project, name: string, body: object = {}) =>
  reach(await create(project, name, body), 'Running');
const pings = async (from: Container & { readonly host: Host }, target: string): Promise<boolean> => {
  const docker = ['-H', `unix://${sockets[from.host]}`, 'exec', `troupe-${from.uuid}`];
  return program('docker', ...docker, 'ping', '-c', '2', '-W', '2', target).then(
    () => true,
    () => false,
  );
};
const remove = async (...uuids: readonly string[]): Promise<void> => {
  for (const uuid of uuids) await api.call('DELETE', `/v1/containers/${uuid}?force=true`);
  for (const uuid of uuids)
    await until(
      'its end',
      () => api.call('GET', `/v1/containers/${uuid}`),
      (answer) => answer?.status === 404,
    );
};
const emptyLedger = (): Promise<unknown> =>
  until(
    'an empty ledger',
    () => api.call<{ audit: { problem: string }[] }>('GET', '/v1/audit'),
    (answer) =>
      answer?.status === 200 && answer.body.audit.every(({ problem }) => problem === 'of-another-world'),
  );

t.test(
  'enforced neighbours: no host ever has containers of two projects, also when all ask at once',
  async (t) => {
    const asked = [0, 1, 2, 3].flatMap((n) => [create('blue', `blue${n}`), create('red', `red${n}`)]);
    const containers = await Promise.all(asked.map(async (uuid) => reach(await uuid, 'Running')));
    const hostsOf = (project: string) =>
      new Set(containers.filter(({ name }) => name.startsWith(project)).map(({ host }) => host));
    t.equal(hostsOf('blue').size, 1);
    t.equal(hostsOf('red').size, 1);
    t.not([...hostsOf('blue')][0], [...hostsOf('red')][0]);
    for (const [host, socketPath] of Object.entries(sockets)) {
      const list = ['-H', `unix://${socketPath}`, 'ps', '--filter', 'label=troupe.container-id', '--format'];
      const seen = (
        await program('docker', ...list, '{{.Label "troupe.container-id"}} {{.Label "troupe.tenant"}}')
      )
        .split('\n')
        .map((line) => line.split(' '))
        .filter(([id]) => containers.some(({ uuid }) => uuid === id));
      t.equal(new Set(seen.map(([, tenant]) => tenant)).size, 1, `${host}, as its engine says`);
    }
    const third = await reach(await create('green', 'green'), 'Error');
    t.match(String(third['status_reason']), /neighbours \(2\)/, 'who finds no host is told why');

    // The last of a project leaves its host to whoever comes.
    const reds = containers.filter(({ name }) => name.startsWith('red'));
    await remove(third.uuid, ...reds.map(({ uuid }) => uuid));
    const green = await run('green', 'green');
    t.equal(green.host, reds[0]!.host);
    await remove(
      green.uuid,
      ...containers.filter(({ name }) => name.startsWith('blue')).map(({ uuid }) => uuid),
    );
    await emptyLedger();
  },
);

t.test(
  'an agent that is killed and started apart from its control plane leaves names and addresses as they are',
  async (t) => {
    const server = await run('blue', 'server');
    const client = await run('blue', 'client');
    t.equal(client.host, server.host);
    t.ok(await pings(client, 'server'));
    const agent = agents.get(server.host)!;
    const gone = once(agent, 'exit');
    agent.kill('SIGKILL');
    await gone;
    t.ok(await pings(client, 'server'), 'nobody needs it for that');
    await startAgent(server.host);
    const now = await reach(server.uuid, 'Running');
    t.equal(addressOf(now), addressOf(server));
    t.equal(now['started_at'], server['started_at'], 'it was not started again');
    const later = await run('blue', 'later');
    for (const [from, to] of [
      [later, 'server'],
      [client, 'later'],
    ] as const)
      await until(
        `${from.name} to reach ${to}`,
        () => pings(from, to),
        (reached) => reached,
      );
    await remove(server.uuid, client.uuid, later.uuid);
    await emptyLedger();
  },
);
