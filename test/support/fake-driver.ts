/** A container engine in memory that does what a test tells it to: hang, fail, go away, be meddled with. */
import { addAbortSignal, duplexPair, Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { OperationIdentity } from '../../src/drivers/runtime/operation-identity.ts';
import type {
  EngineEvent,
  EventExit,
  ListedContainer,
  RuntimeDriver,
} from '../../src/drivers/runtime/runtime-driver.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type {
  ExecSpec,
  ExecState,
  ImageHit,
  RunResult,
  StatsSample,
  TerminalSize,
} from '../../src/drivers/runtime/runtime-powers.ts';
import type { Limits, Observation } from '../../src/model/container.ts';
import type { Fingerprint } from '../../src/model/host.ts';
import { createFakeArchive, type FakeArchive } from './fake-archive.ts';
import { entriesOf, tarOf } from './tar.ts';
import type { RegistryCredential } from '../../src/model/registry.ts';

type Method =
  | 'pullImage'
  | 'commit'
  | 'removeImage'
  | 'searchImages'
  | 'loadImage'
  | 'saveImage'
  | 'ensureSandbox'
  | 'removeSandbox'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'killContainer'
  | 'removeContainer'
  | 'pause'
  | 'update'
  | 'mount'
  | 'unmount'
  | 'observe'
  | 'list'
  | 'fingerprint';

/** A process somebody has a session with. */
export interface FakeSession {
  /** Null for the main process. */
  readonly execId: string | null;
  readonly spec: ExecSpec | null;
  /** As the process has it: it reads what is typed, and writes what is shown. */
  readonly process: Duplex;
  /** As the driver gave it out. */
  readonly stream: Duplex;
  readonly sizes: TerminalSize[];
  /** The process ends, and with it its output. */
  exit(exitCode: number): void;
}

export interface FakeDriver extends RuntimeDriver {
  /** Calls in the order they began, such as `startContainer c1`. */
  readonly calls: string[];
  readonly containers: Map<string, { identity: OperationIdentity; observation: Observation }>;
  readonly imageNames: Set<string>;
  /** What was asked for, and what would have been shown to its registry. */
  readonly pulls: {
    readonly image: string;
    readonly policy: string;
    readonly credential: RegistryCredential | null;
  }[];
  /** What a search of its registry finds. */
  hits: readonly ImageHit[];
  /** The next calls of `method` wait until what this returns is called. */
  hold(method: Method, containerId?: string): () => void;
  /** The next call of `method` fails so. */
  failNext(method: Method, error: TroupeError): void;
  /** By container, as they were changed last. */
  readonly limits: Map<string, Limits>;
  /** What was mounted into living containers, by its place in each; as a namespace, it ends with the run. */
  readonly mounted: Map<string, Map<string, string>>;
  /** Those that were started or attached to, in this order. */
  readonly sessions: FakeSession[];
  /** What a command that is run in a container comes to. */
  runs: (command: readonly string[]) => RunResult;
  readonly archive: FakeArchive;
  up: boolean;
  logSource: () => Readable;
  /** What happens at the engine without us. */
  exit(containerId: string, exitCode: number): void;
  stopByHand(containerId: string): void;
  signalByHand(containerId: string, signal: number): void;
  startByHand(containerId: string): void;
  removeByHand(containerId: string): void;
  /** Changes it without an event, as during a hole in the stream. */
  quietly(change: () => void): void;
  tell(event: EngineEvent): void;
}

const sample: StatsSample = {
  at: 0,
  cpuNanos: 5e9,
  systemCpuNanos: 100e9,
  cpus: 4,
  memoryBytes: 16 * 1024 * 1024,
  memoryLimitBytes: 64 * 1024 * 1024,
  blockReadBytes: 1,
  blockWriteBytes: 2,
  networkReceivedBytes: 3,
  networkSentBytes: 4,
};

export function createFakeDriver(now: () => number): FakeDriver {
  const listeners = new Set<(event: EngineEvent) => void>();
  const held = new Map<string, { wait: Promise<void> }>();
  const execs = new Map<string, { readonly spec: ExecSpec; state: ExecState }>();
  const failures = new Map<Method, TroupeError[]>();
  let isQuiet = false;
  let lastMoment = 0;
  /** No two happen at once. */
  const moment = (): number => (lastMoment = Math.max(lastMoment + 1, now()));

  const tell = (event: EngineEvent): void => {
    if (!isQuiet) for (const listener of listeners) listener(event);
  };
  const act = (
    containerId: string,
    action: Extract<EngineEvent, { kind: 'container' }>['action'],
    {
      signal = null,
      exit = null,
    }: { readonly signal?: number | null; readonly exit?: EventExit | null } = {},
  ): void =>
    tell({
      kind: 'container',
      worldId: null,
      containerId,
      engineId: `engine-${containerId}`,
      action,
      signal,
      exit,
    });

  const change = (containerId: string, changes: Partial<Observation>): Observation => {
    const found = driver.containers.get(containerId);
    if (!found) throw new TroupeError('CONTAINER_GONE', `There is no container "${containerId}"`);
    found.observation = { ...found.observation, ...changes };
    return found.observation;
  };
  const start = (containerId: string): Observation => {
    const observation = change(containerId, {
      state: 'running',
      startedAt: moment(),
      finishedAt: null,
      exitCode: null,
    });
    act(containerId, 'start');
    return observation;
  };
  const end = (containerId: string, exitCode: number): Observation => {
    const at = moment();
    const observation = change(containerId, { state: 'exited', exitCode, finishedAt: at });
    act(containerId, 'die', { exit: { exitCode, at } });
    return observation;
  };

  const enter = async (method: Method, subject: string, signal?: AbortSignal): Promise<void> => {
    driver.calls.push(`${method} ${subject}`.trim());
    const waits = [held.get(method), held.get(`${method} ${subject}`)].flatMap((each) => each?.wait ?? []);
    if (waits.length > 0) {
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new TroupeError('TIMED_OUT', 'Given up waiting')), {
          once: true,
        }),
      );
      await Promise.race([Promise.all(waits), aborted]);
    }
    const failure = failures.get(method)?.shift();
    if (failure) throw failure;
    if (!driver.up) throw new TroupeError('ENGINE_UNAVAILABLE', 'The container engine does not answer');
  };

  const running = (containerId: string): void => {
    if (driver.containers.get(containerId)?.observation.state !== 'running')
      throw new TroupeError('INVALID_STATE', `Container "${containerId}" does not run`);
  };
  const openSession = (
    execId: string | null,
    spec: ExecSpec | null,
    ended: (state: ExecState) => void,
    signal: AbortSignal,
  ): Duplex => {
    const [stream, process] = duplexPair();
    addAbortSignal(signal, stream);
    process.on('error', () => {});
    driver.sessions.push({
      execId,
      spec,
      process,
      stream,
      sizes: [],
      exit(exitCode) {
        ended({ running: false, exitCode });
        process.end();
      },
    });
    return stream;
  };

  const driver: FakeDriver = {
    name: 'fake',
    runsHealthChecks: true,
    calls: [],
    containers: new Map(),
    imageNames: new Set(),
    pulls: [],
    hits: [],
    limits: new Map(),
    mounted: new Map(),
    sessions: [],
    runs: (command) => ({ end: 'exited', exitCode: 0, output: `${command.join(' ')}\n`, truncated: false }),
    up: true,
    logSource: () => Readable.from([]),
    hold(method, containerId) {
      const key = containerId === undefined ? method : `${method} ${containerId}`;
      let release: () => void = () => {};
      held.set(key, { wait: new Promise<void>((resolve) => (release = resolve)) });
      return () => {
        held.delete(key);
        release();
      };
    },
    failNext(method, error) {
      failures.set(method, [...(failures.get(method) ?? []), error]);
    },
    exit: (containerId, exitCode) => void end(containerId, exitCode),
    stopByHand(containerId) {
      act(containerId, 'kill', { signal: 15 });
      end(containerId, 143);
      act(containerId, 'stop');
    },
    signalByHand: (containerId, signal) => act(containerId, 'kill', { signal }),
    startByHand: (containerId) => void start(containerId),
    removeByHand(containerId) {
      driver.containers.delete(containerId);
      act(containerId, 'destroy');
    },
    quietly(changes) {
      isQuiet = true;
      changes();
      isQuiet = false;
    },
    tell,
    async fingerprint(): Promise<Fingerprint> {
      await enter('fingerprint', '');
      return {
        hostname: 'host1',
        engine: 'fake',
        engineVersion: '1',
        engineApiVersion: '1',
        cpus: 4,
        memoryMib: 1024,
        diskGib: 10,
        architecture: 'x86_64',
        os: 'linux',
        kernelVersion: '6',
        runtimes: ['runc'],
        labels: {},
        engineUp: true,
        engineProblem: null,
      };
    },
    images: () => Promise.resolve([...driver.imageNames]),
    async pullImage({ containerId }, image, policy, signal, credential = null) {
      driver.pulls.push({ image, policy, credential });
      await enter('pullImage', containerId, signal);
      driver.imageNames.add(image);
      return { imageId: `sha256:${image}` };
    },
    async ensureSandbox(_, { sandboxId }, signal) {
      await enter('ensureSandbox', sandboxId, signal);
      return { sandboxId, engineId: null, netnsPath: `/run/netns/${sandboxId}` };
    },
    removeSandbox: (_, sandboxId, signal) => enter('removeSandbox', sandboxId, signal),
    listSandboxes: () => Promise.resolve([]),
    async createContainer(identity, { run, start }, signal) {
      const { containerId, tenant, generation } = identity;
      await enter('createContainer', containerId, signal);
      const startIfItCan = (created: Observation): Promise<Observation> | Observation =>
        start && created.state === 'created'
          ? driver.startContainer(identity, { run, limits: null }, signal).catch(() => created)
          : created;
      const found = driver.containers.get(containerId);
      if (found) return startIfItCan(found.observation);
      const observation: Observation = {
        containerId,
        tenant,
        generation,
        engineId: `engine-${containerId}`,
        state: 'created',
        startedAt: null,
        finishedAt: null,
        exitCode: null,
        oomKilled: false,
        error: null,
        health: 'none',
        hostname: null,
        addresses: [],
        command: ['sleep'],
        entrypoint: null,
        ports: [],
      };
      driver.containers.set(containerId, { identity, observation });
      act(containerId, 'create');
      return startIfItCan(observation);
    },
    async startContainer({ containerId }, _, signal) {
      await enter('startContainer', containerId, signal);
      const found = driver.containers.get(containerId)?.observation;
      return found?.state === 'running' ? found : start(containerId);
    },
    async stopContainer({ containerId }, _, signal) {
      await enter('stopContainer', containerId, signal);
      const found = driver.containers.get(containerId)?.observation;
      if (found?.state !== 'running') return found ?? null;
      act(containerId, 'kill', { signal: 15 });
      return end(containerId, 143);
    },
    async killContainer({ containerId }, _, signal) {
      await enter('killContainer', containerId, signal);
      const found = driver.containers.get(containerId)?.observation;
      if (found?.state !== 'running') return found ?? null;
      act(containerId, 'kill', { signal: 9 });
      return end(containerId, 137);
    },
    pause: {
      async pause({ containerId }, signal) {
        await enter('pause', containerId, signal);
        return change(containerId, { state: 'paused' });
      },
      unpause: ({ containerId }) => Promise.resolve(change(containerId, { state: 'running' })),
    },
    inside: {
      async mount({ containerId }, { source, destination }, signal) {
        await enter('mount', containerId, signal);
        const found = driver.mounted.get(containerId) ?? new Map<string, string>();
        driver.mounted.set(containerId, found.set(destination, source));
      },
      async unmount({ containerId }, { destination }, signal) {
        await enter('unmount', containerId, signal);
        driver.mounted.get(containerId)?.delete(destination);
      },
    },
    update: {
      async update({ containerId }, limits, signal) {
        await enter('update', containerId, signal);
        driver.limits.set(containerId, limits);
        return { observation: change(containerId, {}), left: [] };
      },
    },
    exec: {
      run: (_, { command }) => Promise.resolve(driver.runs(command)),
      async create({ containerId }, spec) {
        driver.calls.push(`execCreate ${containerId}`);
        running(containerId);
        const execId = String(execs.size + 1).padStart(64, '0');
        execs.set(execId, { spec, state: { running: false, exitCode: null } });
        return { execId };
      },
      async start({ containerId }, execId, signal) {
        driver.calls.push(`execStart ${containerId}`);
        const exec = execs.get(execId)!;
        exec.state = { running: true, exitCode: null };
        return openSession(execId, exec.spec, (state) => (exec.state = state), signal);
      },
      async resize(_, execId, size) {
        driver.sessions.find((session) => session.execId === execId)?.sizes.push(size);
      },
      inspect: (_, execId) => Promise.resolve(execs.get(execId)!.state),
    },
    attach: {
      async attach({ containerId }, signal) {
        driver.calls.push(`attach ${containerId}`);
        running(containerId);
        return openSession(null, null, ({ exitCode }) => end(containerId, exitCode!), signal);
      },
      async resize(_, size) {
        driver.sessions.find(({ execId }) => execId === null)?.sizes.push(size);
      },
    },
    top: {
      top: (_, psArgs) => Promise.resolve({ titles: ['PID', 'CMD'], processes: [['1', `sleep ${psArgs}`]] }),
    },
    stats: { sample: () => Promise.resolve(sample) },
    commit: {
      async commit({ containerId }, { repository, tag }, signal) {
        await enter('commit', containerId, signal);
        change(containerId, {});
        driver.imageNames.add(`${repository}:${tag}`);
        return { imageId: `sha256:${repository}:${tag}` };
      },
    },
    imageTools: {
      list: () =>
        Promise.resolve(
          [...driver.imageNames].map((reference) => ({
            imageId: `sha256:${reference}`,
            references: [reference],
            sizeBytes: 1024,
            createdAt: 0,
          })),
        ),
      async remove(reference, signal) {
        await enter('removeImage', reference, signal);
        driver.imageNames.delete(reference);
      },
      async search(term, signal) {
        await enter('searchImages', term, signal);
        return driver.hits;
      },
    },
    imageTransfer: {
      find: (reference) => Promise.resolve(driver.imageNames.has(reference) ? `sha256:${reference}` : null),
      async load(image, tar, signal) {
        await enter('loadImage', image, signal);
        const { 'manifest.json': manifest } = await entriesOf(await buffer(tar));
        const [saved] = JSON.parse(manifest ?? '[]') as { readonly RepoTags: readonly string[] }[];
        for (const name of saved?.RepoTags ?? []) driver.imageNames.add(name);
      },
      layers: () => Promise.resolve([]),
      async save(reference, signal) {
        await enter('saveImage', reference, signal);
        const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [reference], Layers: [] }]);
        return Readable.from(
          await tarOf({ name: 'config.json', content: '{}' }, { name: 'manifest.json', content: manifest }),
        );
      },
      async rename(from, to) {
        driver.imageNames.delete(from);
        driver.imageNames.add(to);
      },
    },
    archive: createFakeArchive((containerId) => {
      if (!driver.containers.has(containerId))
        throw new TroupeError('CONTAINER_GONE', `There is no container "${containerId}"`);
    }),
    async removeContainer({ containerId, generation }, signal) {
      await enter('removeContainer', containerId, signal);
      const found = driver.containers.get(containerId);
      if (!found || found.observation.generation > generation) return;
      driver.containers.delete(containerId);
      act(containerId, 'destroy');
    },
    async observe(containerId, signal) {
      await enter('observe', containerId, signal);
      return driver.containers.get(containerId)?.observation ?? null;
    },
    async list(signal): Promise<readonly ListedContainer[]> {
      await enter('list', '', signal);
      return [...driver.containers.values()].map(({ identity, observation }) => ({
        observation,
        opId: identity.opId,
        worldId: identity.worldId,
        epoch: identity.epoch,
        sandboxId: null,
      }));
    },
    async *events(signal) {
      const queue: EngineEvent[] = [{ kind: 'gap' }];
      let wake: () => void = () => {};
      const listener = (event: EngineEvent): void => {
        queue.push(event);
        wake();
      };
      listeners.add(listener);
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const event = queue.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      listeners.delete(listener);
    },
    async logs(containerId) {
      if (!driver.containers.has(containerId))
        throw new TroupeError('CONTAINER_GONE', `There is no container "${containerId}"`);
      return driver.logSource();
    },
    close: () => Promise.resolve(),
  };
  return driver;
}
