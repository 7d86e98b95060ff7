/**
 * `npm run bench [-- --json FILE]`: a table of figures and their aims; nothing is asserted.
 * The agents of 1 to 4 are simulated in a process of their own, whose CPU is told apart.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import pino from 'pino';
import { request } from 'undici';
import { startControlPlane, type RunningControlPlane } from '../src/actors/control-plane.ts';
import { createEmbeddedStore } from '../src/actors/stores/embedded.ts';
import { createRedisStore } from '../src/actors/stores/redis.ts';
import { defaultRetention, type Store } from '../src/actors/stores/store.ts';
import { loadConfig } from '../src/config/load.ts';
import { createHostLinks } from '../src/link/host-link-server.ts';
import { attachLinkAcceptor, createLinkAcceptor } from '../src/link/ws-acceptor.ts';
import { charts } from '../src/machines/catalogue.ts';
import { runAllInOne } from '../src/main/all-in-one.ts';
import { createEnvironment } from '../src/main/environment.ts';
import { controlPlaneConfig } from '../src/main/settings.ts';
import { createSealer } from '../src/main/site-key.ts';
import { storeOf } from '../src/main/stores.ts';
import type { ContainerSpec } from '../src/model/container.ts';
import { freePort, startRedis } from '../test/support/redis.ts';
import { measurePlacements } from './placements.ts';

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly aim: string;
}

const figures: Figure[] = [];
const tell = (name: string, value: number, unit: string, aim = ''): void => {
  figures.push({ name, value: Math.round(value * 1000) / 1000, unit, aim });
  console.log(
    `${name.padEnd(72)} ${String(Math.round(value * 100) / 100).padStart(10)} ${unit.padEnd(10)} ${aim}`,
  );
};
const environment = createEnvironment(pino({ level: 'silent' }));
const directory = mkdtempSync(join(tmpdir(), 'troupe-bench-'));
const { config } = loadConfig({
  flags: { 'quota.containers': '-1', 'quota.cpu': '-1', 'quota.memoryMib': '-1' },
  environment: {},
  file: null,
  usualFiles: [],
});
const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

const spec = (name: string): ContainerSpec => ({
  name, userId: 'u', image: 'busybox:latest', imageDriver: 'docker', imagePullPolicy: 'ifnotpresent', command: ['sleep', '600'],
  entrypoint: null, workdir: null, environment: { A: 'b' }, labels: {}, hints: {}, cpu: null, memoryMib: null, diskGib: 0, pidsLimit: 100,
  interactive: false, tty: false, hostname: null, runtime: null, restartPolicy: null, autoRemove: false, autoHeal: false,
  healthcheck: null, availabilityZone: null, requestedHost: null,
}); // prettier-ignore

interface Plane {
  readonly plane: RunningControlPlane;
  readonly agents: ReturnType<typeof fork>;
  close(): Promise<void>;
}

async function planeWith(store: Store, hosts: number): Promise<Plane> {
  const plane = await startControlPlane({
    environment,
    store,
    charts,
    sealer: createSealer(Buffer.alloc(32, 1)),
    owner: { hostname: 'bench', pid: process.pid, startedAt: environment.now() },
    config: controlPlaneConfig(config),
    // At 5,000 hosts a beat each half second would be the load.
    links: (events) =>
      createHostLinks({
        environment,
        events,
        timing: { heartbeatMs: hosts > 1_000 ? 10_000 : 2_000, leaseMs: 60_000, operationsInFlight: 64 },
      }),
  });
  const server = createServer();
  attachLinkAcceptor(server, createLinkAcceptor({ environment, links: plane.links, allowInsecure: false }));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const agents = fork(join(import.meta.dirname, 'simulated-hosts.js'));
  const tokens: string[] = [];
  for (let count = 0; count < hosts; count += 1) tokens.push(await plane.createJoinToken());
  agents.send({ url: `ws://127.0.0.1:${port}/link`, tokens, cpus: 64, memoryMib: 262_144 });
  const [message] = (await once(agents, 'message')) as [{ ready?: number; failed?: string }];
  if (!message.ready) throw new Error(message.failed ?? 'the agents did not come up');
  while (plane.hosts().filter(({ online }) => online).length < hosts)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    plane,
    agents,
    async close() {
      agents.kill();
      await plane.stop();
      server.closeAllConnections();
      server.close();
    },
  };
}

let requests = 0;
const createOne = (plane: RunningControlPlane) => {
  requests += 1;
  const projectId = `tenant${requests % 50}`;
  return plane.createContainer({
    caller: { userId: 'u', projectId, requestId: `req-${requests}` },
    spec: spec(`c${requests}`),
    run: true,
    idempotencyKey: null,
    nameGenerated: false,
  });
};

/** Keeps `width` creates in flight until `count` have been accepted, and waits until all run. */
async function startMany(plane: RunningControlPlane, count: number, width: number): Promise<number> {
  const before = plane.containers({ tenant: null }).filter(({ status }) => status === 'Running').length;
  const began = performance.now();
  let issued = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (issued < count) {
        issued += 1;
        await createOne(plane);
      }
    }),
  );
  while (
    plane.containers({ tenant: null }).filter(({ status }) => status === 'Running').length <
    before + count
  )
    await new Promise((resolve) => setTimeout(resolve, 5));
  return performance.now() - began;
}

async function starts(name: string, store: Store, hosts: number, count: number): Promise<void> {
  const { plane, agents, close } = await planeWith(store, hosts);
  await startMany(plane, Math.min(500, count), 200);
  agents.send({ report: true });
  const [agentBefore] = (await once(agents, 'message')) as [{ cpuMs: number; operations: number }];
  const cpuBefore = process.cpuUsage();
  const { turns, commits } = plane.stats();
  const ms = await startMany(plane, count, 500);
  const cpu = process.cpuUsage(cpuBefore);
  agents.send({ report: true });
  const [agentAfter] = (await once(agents, 'message')) as [{ cpuMs: number; operations: number }];
  const cpuMs = (cpu.user + cpu.system) / 1000;
  tell(`1. ${name}, ${hosts} hosts: durable starts`, (count / ms) * 1000, '/s', '>= 2,000 per core');
  tell(`1. ${name}, ${hosts} hosts: control plane CPU`, cpuMs / count, 'ms/start');
  tell(
    `1. ${name}, ${hosts} hosts: starts per core of control plane`,
    (count / cpuMs) * 1000,
    '/s/core',
    '>= 2,000',
  );
  tell(`1. ${name}, ${hosts} hosts: agents' CPU`, (agentAfter.cpuMs - agentBefore.cpuMs) / count, 'ms/start');
  tell(`1. ${name}, ${hosts} hosts: turns`, (plane.stats().turns - turns) / count, '/start', '8-9');
  tell(`1. ${name}, ${hosts} hosts: store calls`, (plane.stats().commits - commits) / count, '/start');
  await close();
}

async function deaths(store: Store): Promise<void> {
  const { plane, agents, close } = await planeWith(store, 1);
  await startMany(plane, 200, 50);
  const waits: number[] = [];
  for (const { id } of plane.containers({ tenant: null })) {
    await new Promise<void>((resolve) => {
      let began = 0;
      void plane.watch({ tenant: null, kinds: ['container'], id }, null, {
        snapshot: () => {
          began = performance.now();
          agents.send({ die: id });
        },
        change: (change) => {
          if (change.status !== 'Stopped') return true;
          waits.push(performance.now() - began);
          resolve();
          return false;
        },
      });
    });
  }
  tell('2. death told by the agent to the watcher told, p50', percentile(waits, 0.5), 'ms', '');
  tell('2. death told by the agent to the watcher told, p99', percentile(waits, 0.99), 'ms', '<= 10');
  await close();
}

async function restart(make: () => Store, count: number): Promise<void> {
  const first = await planeWith(make(), 20);
  await startMany(first.plane, count, 1_000);
  const heap = process.memoryUsage().heapUsed;
  await first.close();
  const began = performance.now();
  const plane = await startControlPlane({
    environment,
    store: make(),
    charts,
    sealer: createSealer(Buffer.alloc(32, 1)),
    owner: { hostname: 'bench', pid: process.pid, startedAt: environment.now() },
    config: controlPlaneConfig(config),
    links: (events) =>
      createHostLinks({
        environment,
        events,
        timing: { heartbeatMs: 2_000, leaseMs: 60_000, operationsInFlight: 64 },
      }),
  });
  tell(
    `3. restart with ${count} containers: all actors live`,
    (performance.now() - began) / 1000,
    's',
    '<= 15 at 100,000',
  );
  tell(`3. memory per container with ${count}`, heap / count / 1024, 'KiB', '<= 8');
  await plane.stop();
}

async function idle(store: Store): Promise<void> {
  const { plane, agents, close } = await planeWith(store, 10);
  await startMany(plane, 1_000, 200);
  agents.send({ report: true });
  const [before] = (await once(agents, 'message')) as [{ cpuMs: number }];
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const { user, system } = process.cpuUsage(cpu);
  agents.send({ report: true });
  const [after] = (await once(agents, 'message')) as [{ cpuMs: number }];
  tell(
    '4. idle control plane, 1,000 containers on 10 hosts',
    (user + system) / 1000 / 50,
    '% of core',
    '~ 0',
  );
  tell('4. idle agents (10 of them)', (after.cpuMs - before.cpuMs) / 50, '% of core', '~ 0');
  await close();
}

/** One start and a burst of 40 through REST, against dockerode on the same engine in the same run. */
async function againstEngine(): Promise<void> {
  const docker = new Docker({ socketPath: config.engine.socket });
  const image = 'troupe/busybox:local';
  const port = await freePort();
  const site = loadConfig({
    flags: {
      'state.directory': join(directory, 'site'),
      'api.port': String(port),
      'quota.containers': '-1',
      'quota.memoryMib': '-1',
    },
    environment: {},
    file: null,
    usualFiles: [],
  });
  const all = await runAllInOne(
    site.config,
    environment,
    storeOf(site.config, environment),
    pino({ level: 'silent' }),
  );
  const { readFileSync } = await import('node:fs');
  const token = readFileSync(join(directory, 'site', 'admin.token'), 'utf8').trim();
  const headers = {
    'x-auth-token': token,
    'openstack-api-version': 'container 1.40',
    'content-type': 'application/json',
  };
  while (all.process.controlPlane.hosts()[0]?.online !== true)
    await new Promise((resolve) => setTimeout(resolve, 50));

  const raw = async (): Promise<() => Promise<void>> => {
    const container = await docker.createContainer({ Image: image, Cmd: ['sleep', '600'] });
    await container.start();
    return () => container.remove({ force: true });
  };
  const ours = async (): Promise<() => Promise<void>> => {
    const answer = await request(`${all.process.url}/v1/containers?run=true`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ image, command: ['sleep', '600'], memory: 32 }),
    });
    const { uuid } = (await answer.body.json()) as { uuid: string };
    const { controlPlane } = all.process;
    for (let status = ''; status !== 'Running'; status = controlPlane.container(null, uuid).status) {
      if (status === 'Error') throw new Error(controlPlane.container(null, uuid).reason ?? 'it failed');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return async () =>
      void (await (
        await request(`${all.process.url}/v1/containers/${uuid}?force=true`, { method: 'DELETE', headers })
      ).body.dump());
  };
  const timed = async (
    start: () => Promise<() => Promise<void>>,
    count: number,
    width: number,
  ): Promise<number> => {
    const removals: (() => Promise<void>)[] = [];
    const began = performance.now();
    let issued = 0;
    await Promise.all(
      Array.from({ length: width }, async () => {
        while (issued < count) {
          issued += 1;
          removals.push(await start());
        }
      }),
    );
    const ms = (performance.now() - began) / count;
    for (const remove of removals) await remove();
    await new Promise((resolve) => setTimeout(resolve, 500));
    while (all.process.controlPlane.containers({ tenant: null }).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return ms;
  };
  await timed(raw, 2, 1);
  await timed(ours, 2, 1);
  for (const [label, count, width] of [
    ['one at a time', 10, 1],
    ['burst of 40', 40, 4],
  ] as const) {
    const rawMs = (await timed(raw, count, width)) / 2 + (await timed(raw, count, width)) / 2;
    const oursMs = await timed(ours, count, width);
    tell(`5. ${label}: raw dockerode`, rawMs, 'ms/start');
    tell(`5. ${label}: through Troupe's REST API`, oursMs, 'ms/start');
    tell(`5. ${label}: ratio`, oursMs / rawMs, 'x raw', '<= 1.1');
  }
  await all.stop();
}

const { values } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string' }, large: { type: 'boolean', default: false } },
});
const wanted = (number: string): boolean => values.only === undefined || values.only.includes(number);
let stores = 0;
const embedded = (): Store =>
  createEmbeddedStore({
    directory: join(directory, `store${stores}`),
    environment,
    retention: defaultRetention,
  });
const newEmbedded = (): Store => {
  stores += 1;
  return embedded();
};
const redis = await startRedis();
const newRedis = (): Store => {
  stores += 1;
  return createRedisStore({
    environment,
    retention: defaultRetention,
    url: redis.url,
    nodes: [],
    username: null,
    password: null,
    ca: null,
    prefix: `b${stores}:`,
  });
};
try {
  if (wanted('1')) {
    for (const hosts of values.large ? [100, 5_000] : [100]) {
      await starts('embedded', newEmbedded(), hosts, 5_000);
      await starts('Redis, appendfsync always', newRedis(), hosts, 5_000);
    }
  }
  if (wanted('2')) await deaths(newEmbedded());
  if (wanted('3')) {
    newEmbedded();
    await restart(embedded, values.large ? 100_000 : 10_000);
  }
  if (wanted('4')) await idle(newEmbedded());
  if (wanted('5')) await againstEngine();
  if (wanted('6')) measurePlacements(tell, [100, 5_000]);
} finally {
  await redis.stop();
  rmSync(directory, { recursive: true, force: true });
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
process.exit(0);
