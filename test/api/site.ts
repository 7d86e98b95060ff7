/**
 * One Troupe for a test of its API: the real control plane as `main/` builds
 * it, over the real embedded store in a directory of its own, and real agents
 * over engines in memory. Its clock stands still.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Test } from 'tap';
import { createAgent, type Agent } from '../../src/agent/agent.ts';
import type { RunningControlPlane } from '../../src/actors/control-plane.ts';
import type { Store } from '../../src/actors/stores/store.ts';
import { tokenHash, type StaticToken } from '../../src/api/auth/static-tokens.ts';
import { loadConfig } from '../../src/config/load.ts';
import { runControlPlane, type ControlPlaneProcess } from '../../src/main/control-plane.ts';
import { agentRestartPolicy } from '../../src/main/restart-policy.ts';
import { storeOf } from '../../src/main/stores.ts';
import { createFakeDriver, type FakeDriver } from '../support/fake-driver.ts';
import { createFakeProber } from '../support/fake-prober.ts';
import { createFakeSandboxes } from '../support/fake-sandboxes.ts';
import { createMemoryAgentDisk } from '../support/memory-agent-state.ts';
import { createWire, type Wire } from '../support/wire.ts';
import { createHeldStore, type HeldStore } from './held-store.ts';
import { createStillClock, type StillClock } from './still-clock.ts';
import { until } from './until.ts';
import { openWatcher, type Watcher } from './watcher.ts';

/** Of projects `p1` and `p2`; `ann`, `amy` and `ray`, who only reads, share the first. `root` is the admin. */
export type User = 'ann' | 'amy' | 'ray' | 'bob' | 'root';

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** Parsed; null when it is no JSON. */
  readonly json: Json;
  /** The first of the envelope's errors. */
  readonly error: Json & { readonly code: string; readonly title: string; readonly status: number };
}

export interface CallOptions {
  /** Null = without a token. Default `ann`. */
  readonly as?: User | null;
  /** The N of 1.N, or the header as it is; null = none. Default 40. */
  readonly version?: number | string | null;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Host {
  readonly name: string;
  readonly driver: FakeDriver;
  readonly wire: Wire;
  readonly agent: Agent;
}

export interface ApiSite {
  readonly clock: StillClock;
  readonly directory: string;
  readonly store: HeldStore;
  readonly process: ControlPlaneProcess;
  readonly controlPlane: RunningControlPlane;
  readonly hosts: readonly Host[];
  /** Everything that was logged, line by line. */
  readonly logged: readonly string[];
  token(user: User): string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A container that has been accepted. */
  create(body?: Json, options?: CallOptions & { readonly run?: boolean }): Promise<Json & { uuid: string }>;
  /** Waits until a container's status is one of these, and gives its view. */
  reach(uuid: string, ...statuses: string[]): Promise<Json>;
  gone(uuid: string): Promise<void>;
  /** @param wish the first frame; a token of `ann` is added when it names none */
  watch(wish?: Json, user?: User): Watcher;
  /** Stops the control plane in order, lets `meanwhile` happen, and starts another on the same directory. */
  restart(meanwhile?: () => void | Promise<void>): Promise<void>;
  addHost(): Promise<Host>;
}

export interface SiteOptions {
  /** Default 1. */
  readonly hosts?: number;
  /** As `--set` takes them. */
  readonly settings?: Record<string, string>;
  /** Its hosts can make sandboxes and networks. Default false: they say so, and have nothing to make them with. */
  readonly plugs?: boolean;
  /** Text of its policy file. */
  readonly policy?: string;
}

const users: Readonly<Record<Exclude<User, 'root'>, { project: string; roles: readonly string[] }>> = {
  ann: { project: 'p1', roles: ['member'] },
  amy: { project: 'p1', roles: ['member'] },
  ray: { project: 'p1', roles: ['reader'] },
  bob: { project: 'p2', roles: ['member'] },
};

export async function createApiSite(test: Test, options: SiteOptions = {}): Promise<ApiSite> {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-api-'));
  const logged: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const clock = createStillClock(logger);
  const policyFile = join(directory, 'policy.yaml');
  if (options.policy !== undefined) writeFileSync(policyFile, options.policy);
  const { config: loaded } = loadConfig({
    flags: {
      'state.directory': directory,
      'site.sandboxes': 'engine',
      ...(options.policy === undefined ? {} : { 'api.policyFile': policyFile }),
      ...options.settings,
    },
    environment: {},
    file: null,
    usualFiles: [],
  });
  // Any port that is free, which no setting can say.
  const config = { ...loaded, api: { ...loaded.api, port: 0 } };
  const tokens = Object.entries(users).map(([userId, { project, roles }]): StaticToken => ({
    sha256: tokenHash(`token-of-${userId}`),
    userId,
    userName: userId,
    projectId: project,
    projectName: project,
    roles,
  }));
  writeFileSync(join(directory, 'tokens.json'), JSON.stringify({ tokens }));
  const hosts: Host[] = [];
  let store: HeldStore;
  let running: ControlPlaneProcess | null = null;

  const start = async (): Promise<void> => {
    store = createHeldStore(storeOf(config, clock) as Store);
    running = await runControlPlane(config, clock, store, logger);
    for (const { wire } of hosts) wire.links = running.controlPlane.links;
  };
  const stop = async (): Promise<void> => {
    const stopping = running;
    running = null;
    for (const { wire } of hosts) wire.links = null;
    await stopping?.stop();
  };
  const online = async (): Promise<void> => {
    await until(async () => {
      const { links } = site.controlPlane;
      if (links.online().size === hosts.length && site.controlPlane.hosts().every((host) => host.online))
        return true;
      // A dial that failed is tried again after a pause.
      await clock.advance(100);
      return false;
    });
  };

  const statusOf = (uuid: string): string | null =>
    [...running!.controlPlane.containers({ tenant: null })].find(({ id }) => id === uuid)?.status ?? null;

  const site: ApiSite = {
    clock,
    directory,
    hosts,
    logged,
    get store() {
      return store;
    },
    get process() {
      return running!;
    },
    get controlPlane() {
      return running!.controlPlane;
    },
    token: (user) =>
      user === 'root' ? readFileSync(join(directory, 'admin.token'), 'utf8').trim() : `token-of-${user}`,
    async call(method, path, { as = 'ann', version = 40, body, headers = {} } = {}) {
      const answer = await running!.app.inject({
        method: method as 'GET',
        url: path,
        headers: {
          ...(as === null ? {} : { 'x-auth-token': site.token(as) }),
          ...(version === null
            ? {}
            : { 'openstack-api-version': typeof version === 'number' ? `container 1.${version}` : version }),
          ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const json = parsed(answer.body);
      return {
        status: answer.statusCode,
        headers: answer.headers as Answer['headers'],
        text: answer.body,
        json,
        error: ((json?.['errors'] as Json[] | undefined)?.[0] ?? {}) as Answer['error'],
      };
    },
    async create(body = {}, { run = false, ...call } = {}) {
      const { status, json, text } = await site.call('POST', `/v1/containers?run=${run}`, {
        ...call,
        body: { image: 'busybox', ...body },
      });
      if (status !== 202) throw new Error(`Not created: ${status} ${text}`);
      return json as Json & { uuid: string };
    },
    async reach(uuid, ...statuses) {
      await until(() => statuses.includes(statusOf(uuid) ?? ''));
      return (await site.call('GET', `/v1/containers/${uuid}`, { as: 'root' })).json;
    },
    gone: async (uuid) => void (await until(() => statusOf(uuid) === null)),
    watch(wish = {}, user = 'ann') {
      const named = 'token' in wish || 'ticket' in wish ? wish : { ...wish, token: site.token(user) };
      const watcher = openWatcher(`${running!.url}/v1/watch`, named);
      test.teardown(() => watcher.socket.terminate());
      return watcher;
    },
    async restart(meanwhile) {
      await stop();
      await meanwhile?.();
      await start();
      await online();
    },
    async addHost() {
      const name = `host${hosts.length + 1}`;
      const driver = createFakeDriver(clock.now);
      driver.imageNames.add('busybox:latest');
      const { fingerprint } = driver;
      driver.fingerprint = async (signal) => ({ ...(await fingerprint(signal)), hostname: name });
      const wire = createWire();
      wire.links = running!.controlPlane.links;
      const agent = await createAgent({
        environment: clock,
        driver,
        prober: createFakeProber(),
        dialer: wire.dialer,
        state: createMemoryAgentDisk().open(),
        hostname: name,
        version: 'test',
        joinToken: await running!.controlPlane.createJoinToken(),
        decideRestart: agentRestartPolicy,
        labels: {},
        networks: { able: true, problem: null },
        sandboxes: options.plugs ? createFakeSandboxes() : null,
      });
      const host = { name, driver, wire, agent };
      hosts.push(host);
      await agent.start();
      await until(() => running!.controlPlane.hosts().find((each) => each.hostname === name)?.online);
      return host;
    },
  };

  await start();
  for (let count = 0; count < (options.hosts ?? 1); count += 1) await site.addHost();
  test.teardown(async () => {
    for (const { agent } of hosts) await agent.stop();
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return site;
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null as unknown as Json;
  }
}
