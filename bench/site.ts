/**
 * A site under load: the control plane as `main/` builds it, in the process
 * that measures, and its hosts simulated in another, whose CPU is told apart.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pino from 'pino';
import type { RunningControlPlane } from '../src/actors/control-plane.ts';
import type { Store } from '../src/actors/stores/store.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { runControlPlane, type ControlPlaneProcess } from '../src/main/control-plane.ts';
import { createEnvironment } from '../src/main/environment.ts';
import { paths } from '../src/main/settings.ts';
import { storeOf } from '../src/main/stores.ts';
import type { Address } from '../src/model/address.ts';
import type { ContainerSpec } from '../src/model/container.ts';
import { freePort } from '../test/support/redis.ts';
import type { HostsReport, HostsStart } from './simulated-hosts.ts';

export const silent = pino({ level: 'silent' });
export const environment = createEnvironment(silent);

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Settings of one site, on a port of its own and without quotas. */
export async function siteFlags(
  directory: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  return {
    'state.directory': directory,
    'api.port': String(await freePort()),
    'quota.containers': '-1',
    'quota.cpu': '-1',
    'quota.memoryMib': '-1',
    'quota.diskGib': '-1',
    ...more,
  };
}

export const configOf = (flags: Record<string, string>): Config =>
  loadConfig({ flags, environment: {}, file: null, usualFiles: [] }).config;

export const adminToken = (config: Config): string => readFileSync(paths(config).adminToken, 'utf8').trim();

/**
 * For a site that is given more than it can do at once: nobody gives up for
 * waiting, and beats of 5,000 hosts, two a second and both ways, are not most
 * of what is measured.
 */
export const underLoad = (hosts: number): Record<string, string> => ({
  'deadlines.answerMs': '60000',
  'link.heartbeatMs': hosts > 1_000 ? '10000' : '2000',
  'link.leaseMs': '60000',
  'host.lostMs': '90000',
});

export interface Hosts {
  readonly process: ChildProcess;
  /** Joins this many hosts. Resolves when all are online. */
  join(plane: RunningControlPlane, count: number): Promise<void>;
  report(): Promise<HostsReport>;
  /** The container ends by itself, as an engine's event would tell. */
  die(containerId: string): void;
  stop(): void;
}

/** @param url of the API, which takes links too */
export function startHosts(url: string): Hosts {
  const child = fork(join(import.meta.dirname, 'simulated-hosts.js'));
  const answer = async (message: object): Promise<HostsReport> => {
    child.send(message);
    const [reply] = (await once(child, 'message')) as [HostsReport];
    return reply;
  };
  return {
    process: child,
    async join(plane, count) {
      const tokens: string[] = [];
      for (let index = 0; index < count; index += 1) tokens.push(await plane.createJoinToken());
      const start: HostsStart = { url: `${url.replace(/^http/, 'ws')}/link`, tokens };
      const { failed } = await answer(start);
      if (failed !== null) throw new Error(`The simulated hosts did not come up: ${failed}`);
      await allOnline(plane, count);
    },
    report: () => answer({ report: true }),
    die: (containerId) => void child.send({ die: containerId }),
    stop: () => void child.kill(),
  };
}

export async function allOnline(plane: RunningControlPlane, count: number): Promise<void> {
  while (plane.hosts().filter(({ online }) => online).length < count) await pause(20);
}

export interface Site {
  readonly process: ControlPlaneProcess;
  readonly plane: RunningControlPlane;
  readonly hosts: Hosts;
  readonly config: Config;
  /** Messages between actors that have been committed. */
  readonly messages: number;
  stop(): Promise<void>;
}

export async function openSite(flags: Record<string, string>): Promise<Site> {
  const config = configOf(flags);
  const { store, counts } = counted(storeOf(config, environment));
  const process = await runControlPlane(config, environment, store, silent);
  const hosts = startHosts(process.url);
  return {
    process,
    plane: process.controlPlane,
    hosts,
    config,
    get messages() {
      return counts.messages;
    },
    async stop() {
      hosts.stop();
      await process.stop();
    },
  };
}

function counted(store: Store): { readonly store: Store; readonly counts: { messages: number } } {
  const counts = { messages: 0 };
  return {
    counts,
    store: {
      ...store,
      commit(writes, acknowledged) {
        for (const { outbox } of writes) counts.messages += outbox.length;
        return store.commit(writes, acknowledged);
      },
    },
  };
}

export const specOf = (name: string): ContainerSpec => ({
  name, userId: 'u', image: 'busybox:latest', imageReference: null, registryId: null, imageDriver: 'docker', stored: null, imagePullPolicy: 'ifnotpresent', command: ['sleep', '600'],
  entrypoint: null, workdir: null, environment: { A: 'b' }, labels: {}, hints: {}, cpu: null, memoryMib: null, diskGib: 0, pidsLimit: 100,
  interactive: false, tty: false, hostname: null, runtime: null, restartPolicy: null, autoRemove: false, autoHeal: false,
  healthcheck: null, availabilityZone: null, requestedHost: null, networks: [], published: [], mounts: [], files: [],
}); // prettier-ignore

const tenants = 50;
let requests = 0;

async function createOne(plane: RunningControlPlane): Promise<Address> {
  requests += 1;
  const { address } = await plane.createContainer({
    caller: { userId: 'u', projectId: `tenant${requests % tenants}`, requestId: `req-${requests}` },
    spec: specOf(`c${requests}`),
    run: true,
    idempotencyKey: null,
    nameGenerated: false,
  });
  return address;
}

/** Keeps `width` creates in flight until `count` have been accepted, and waits until all run. Milliseconds. */
export async function startMany(plane: RunningControlPlane, count: number, width: number): Promise<number> {
  const began = performance.now();
  const accepted: Address[] = [];
  let issued = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (issued < count) {
        issued += 1;
        accepted.push(await createOne(plane));
      }
    }),
  );
  // Looked at one by one, so that waiting costs next to nothing.
  while (accepted.length > 0) {
    const state = plane.runtime.cell(accepted.at(-1)!)?.committed;
    if (state?.projection.status === 'Running') accepted.pop();
    else if (state?.projection.status === 'Error') throw new Error(state.projection.reason ?? 'it failed');
    else await pause(2);
  }
  return performance.now() - began;
}

/** Milliseconds of CPU that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of heap that are in use and not garbage. */
export async function liveHeap(): Promise<number> {
  // What hangs on timers and promises of the load goes first.
  await pause(200);
  collect();
  return process.memoryUsage().heapUsed;
}
