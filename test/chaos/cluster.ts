/**
 * A small Troupe of real processes that are revived when they are killed, as
 * their supervisor would, and a witness of what really happened at the engine.
 */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Test } from 'tap';
import { createSite, docker, pause, until, type Api, type Json } from '../support/troupe.ts';

export type Role = 'control plane' | 'agent' | 'all in one';

export interface EngineEvent {
  readonly action: 'create' | 'start' | 'die' | 'destroy';
  readonly id: string;
}

export interface Cluster {
  readonly api: Api;
  /** For containers: what carries it is watched, and removed in the end. */
  readonly labels: Readonly<Record<string, string>>;
  /** Everything that happened to its containers, in order. */
  readonly events: readonly EngineEvent[];
  /** Kills it with -9; it stays dead until `revive`. */
  kill(role: Role): Promise<void>;
  revive(role: Role): void;
  /** The process of a role that lives now. */
  process(role: Role): ChildProcess;
  /** Resolves when the processes that should live do, and the host is online. */
  whole(): Promise<void>;
  /** As a client does: asks again when it was not answered, or was told to. */
  insist(
    method: 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Json }>;
  /** `gone`: 404. */
  reach(uuid: string, wanted: string): Promise<void>;
  /** Ids at the engine, dead ones too. */
  containers(): Promise<readonly string[]>;
  emptyLedger(): Promise<void>;
}

const here = import.meta.dirname;
const script: Readonly<Record<Role, string>> = {
  'control plane': 'control-plane-process.js',
  agent: 'agent-process.js',
  'all in one': 'all-in-one-process.js',
};

export interface ClusterOptions {
  /** In one process over the embedded store, or control plane and agent over this Redis. */
  readonly store: 'embedded' | { readonly redisUrl: string; readonly prefix: string };
  /** `CRASH_AT` of the first process of a role. */
  readonly crash?: { readonly role: Role; readonly at: string };
}

export async function startCluster(t: Test, { store, crash }: ClusterOptions): Promise<Cluster> {
  const storeSettings =
    store === 'embedded'
      ? ['store.kind=embedded']
      : ['store.kind=redis', `store.redisUrl=${store.redisUrl}`, `store.redisPrefix=${store.prefix}`];
  const site = await createSite([
    ...storeSettings,
    // Longer than a process takes to come back on a machine that is busy.
    'host.lostMs=30000',
    'link.leaseMs=3000',
    'site.poolCeiling=0',
  ]);
  const { api } = site;
  const label = site.directory;
  const events: EngineEvent[] = [];
  const processes = new Map<Role, ChildProcess>();
  const dead = new Set<Role>();
  let join_token: string | null = null;

  const settingsOf = (role: Role): readonly string[] =>
    role === 'agent'
      ? [`state.directory=${site.directory}/agent`, `agent.controlUrl=${api.url.replace('http', 'ws')}`]
      : site.settings;
  const start = (role: Role, crashAt = 'never'): void => {
    const environment = {
      CRASH_AT: crashAt,
      ...(role === 'agent' && join_token !== null ? { JOIN: join_token } : {}),
    };
    processes.set(role, site.start(join(here, script[role]), settingsOf(role), environment));
  };
  const hasEnded = (child: ChildProcess): boolean => child.signalCode !== null || child.exitCode !== null;
  const crashOf = (role: Role): string => (crash?.role === role ? crash.at : 'never');
  const list = async () => {
    const found = await docker.listContainers({ all: true, filters: { label: [`troupe-test=${label}`] } });
    return found.map(({ Id }) => Id);
  };

  const watching = (await docker.getEvents({
    filters: JSON.stringify({
      type: ['container'],
      event: ['create', 'start', 'die', 'destroy'],
      label: [`troupe-test=${label}`],
    }),
  })) as Readable;
  createInterface({ input: watching }).on('line', (line) => {
    const { Action, Actor } = JSON.parse(line) as { Action: EngineEvent['action']; Actor: { ID: string } };
    events.push({ action: Action, id: Actor.ID });
  });
  watching.on('error', () => {});

  const watchman = setInterval(() => {
    for (const [role, child] of processes) if (hasEnded(child) && !dead.has(role)) start(role);
  }, 100);
  t.teardown(async () => {
    clearInterval(watchman);
    await site.clean();
    watching.destroy();
    for (const id of await list()) await docker.getContainer(id).remove({ force: true, v: true });
  });

  const roles: readonly Role[] = store === 'embedded' ? ['all in one'] : ['control plane', 'agent'];
  start(roles[0]!, crashOf(roles[0]!));
  const online = (): Promise<unknown> =>
    until(
      'an online host',
      () => api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
      (answer) => answer?.body.hosts?.[0]?.state === 'online',
    );
  if (store !== 'embedded') {
    const token = await until(
      'a join token',
      () => api.call<{ join_token: string }>('POST', '/v1/join_tokens'),
      (answer) => answer?.status === 201,
    );
    join_token = token!.body.join_token;
    start('agent', crashOf('agent'));
  }
  await online();

  const cluster: Cluster = {
    api,
    labels: { 'troupe-test': label },
    events,
    process: (role) => processes.get(role)!,
    async kill(role) {
      dead.add(role);
      const child = processes.get(role)!;
      if (hasEnded(child)) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    revive(role) {
      dead.delete(role);
      start(role);
    },
    async whole() {
      await until(
        'the processes',
        async () => [...processes].filter(([role, child]) => hasEnded(child) && !dead.has(role)),
        (missing) => missing.length === 0,
      );
      await online();
    },
    async insist(method, path, body, headers) {
      const answer = await until(
        `${method} ${path}`,
        async () => {
          const given = await api.call(method, path, body, headers);
          if (given === null || given.status >= 500) await pause(100);
          return given;
        },
        (given) => given !== null && given.status < 500,
      );
      return answer!;
    },
    async reach(uuid, wanted) {
      await until(
        wanted,
        () => api.call('GET', `/v1/containers/${uuid}`),
        (answer) =>
          wanted === 'gone'
            ? answer?.status === 404
            : answer?.status === 200 && answer.body.status === wanted,
      );
    },
    containers: list,
    async emptyLedger() {
      await until(
        'an empty ledger',
        () => api.call<{ audit: unknown[] }>('GET', '/v1/audit'),
        (answer) => answer?.status === 200 && answer.body.audit.length === 0,
      );
    },
  };
  return cluster;
}

/** The greatest number of containers that were there at once. */
export function mostAtOnce(events: readonly EngineEvent[]): number {
  const there = new Set<string>();
  let most = 0;
  for (const { action, id } of events) {
    if (action === 'create') there.add(id);
    if (action === 'destroy') there.delete(id);
    most = Math.max(most, there.size);
  }
  return most;
}

export const count = (events: readonly EngineEvent[], action: EngineEvent['action']): number =>
  events.filter((each) => each.action === action).length;
