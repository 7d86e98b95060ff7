/**
 * A container engine in memory: its containers outlive agents, it can be down,
 * slow or hung, and people meddle with it. It holds the truth that everyone
 * else only believes.
 */
import { Readable } from 'node:stream';
import type { OperationIdentity } from '../../src/drivers/runtime/operation-identity.ts';
import type { EngineEvent, EventExit, RuntimeDriver } from '../../src/drivers/runtime/runtime-driver.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Observation } from '../../src/model/container.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';

export interface EngineContainer {
  readonly identity: OperationIdentity;
  state: 'created' | 'running' | 'exited';
  startedAt: number | null;
  finishedAt: number | null;
  exitCode: number | null;
  /** Times it was started. */
  starts: number;
}

export interface EngineFaults {
  /** Probabilities per call. */
  startFails: number;
  unavailable: number;
  slow: number;
}

export interface SimulatedEngine {
  readonly host: string;
  readonly containers: ReadonlyMap<string, EngineContainer>;
  readonly faults: EngineFaults;
  driver(agent: SimulatedProcess): RuntimeDriver;
  setDown(down: boolean): void;
  /** The container's process ends by itself. */
  exit(containerId: string, exitCode: number): void;
  /** Somebody stops or removes it at the engine. */
  stopByHand(containerId: string): void;
  removeByHand(containerId: string): void;
  /** The machine loses power: nothing runs any more. */
  powerLoss(): void;
  /** Called around each call, for crash points. */
  onOperation: ((point: 'before' | 'after', kind: string) => void) | null;
  /** Told of each start that brings a container to life. */
  onStart: ((container: EngineContainer) => void) | null;
}

const wallClock = Date.UTC(2026, 0, 1);

export function createEngine(kernel: Kernel, host: string): SimulatedEngine {
  const containers = new Map<string, EngineContainer>();
  const images = new Set<string>(['busybox:latest']);
  const faults: EngineFaults = { startFails: 0, unavailable: 0, slow: 0 };
  const listeners = new Set<(event: EngineEvent) => void>();
  let down = false;

  const tell = (
    containerId: string,
    action: Extract<EngineEvent, { kind: 'container' }>['action'],
    {
      signal = null,
      exit = null,
    }: { readonly signal?: number | null; readonly exit?: EventExit | null } = {},
  ): void => {
    kernel.trace(`${host} ${action} ${containerId.slice(0, 8)}`);
    if (down) return;
    for (const listener of listeners)
      listener({ kind: 'container', containerId, engineId: containerId, action, signal, exit });
  };
  // Docker's own clock has a finer grain than our runs need: no two starts share a moment.
  let lastStart = 0;
  const startMoment = (): number => (lastStart = Math.max(lastStart + 1, wallClock + Math.floor(kernel.now)));

  const observe = (container: EngineContainer): Observation => ({
    containerId: container.identity.containerId,
    tenant: container.identity.tenant,
    generation: container.identity.generation,
    engineId: container.identity.containerId,
    state: container.state,
    startedAt: container.startedAt,
    finishedAt: container.finishedAt,
    exitCode: container.exitCode,
    oomKilled: false,
    error: null,
    health: 'none',
    hostname: 'simulated',
    addresses: [],
    command: [],
    entrypoint: null,
    ports: [],
  });

  const start = (container: EngineContainer): void => {
    container.state = 'running';
    container.startedAt = startMoment();
    container.finishedAt = null;
    container.exitCode = null;
    container.starts += 1;
    engine.onStart?.(container);
    tell(container.identity.containerId, 'start');
  };

  const end = (container: EngineContainer, exitCode: number): void => {
    if (container.state !== 'running') return;
    container.state = 'exited';
    const at = Math.max(wallClock + Math.floor(kernel.now), container.startedAt ?? 0);
    container.finishedAt = at;
    container.exitCode = exitCode;
    tell(container.identity.containerId, 'die', { exit: { exitCode, at } });
  };

  const remove = (containerId: string): void => {
    const container = containers.get(containerId);
    if (!container) return;
    end(container, 137);
    containers.delete(containerId);
    tell(containerId, 'destroy');
  };

  const unavailable = (): TroupeError =>
    new TroupeError('ENGINE_UNAVAILABLE', `The container engine on "${host}" does not answer`);

  const engine: SimulatedEngine = {
    host,
    containers,
    faults,
    onOperation: null,
    onStart: null,
    setDown(value) {
      if (down === value) return;
      down = value;
      kernel.trace(`${host} engine ${down ? 'down' : 'up'}`);
      for (const listener of listeners)
        listener(down ? { kind: 'down', reason: 'The engine is down' } : { kind: 'gap' });
    },
    exit: (containerId, exitCode) =>
      containers.has(containerId) && end(containers.get(containerId)!, exitCode),
    stopByHand(containerId) {
      const container = containers.get(containerId);
      if (container?.state !== 'running') return;
      tell(containerId, 'kill', { signal: 15 });
      end(container, 143);
    },
    removeByHand: remove,
    powerLoss() {
      for (const container of containers.values()) {
        if (container.state !== 'running') continue;
        container.state = 'exited';
        container.finishedAt = wallClock + Math.floor(kernel.now);
        container.exitCode = 255;
      }
    },
    driver(agent) {
      /** The call reaches the engine, whoever is left to hear its answer. */
      const call = <T>(kind: string, work: () => T): Promise<T> =>
        agent.guard(
          new Promise((resolve, reject) => {
            const slow = kernel.chance(faults.slow) ? kernel.between(1_000, 20_000) : 0;
            kernel.at(kernel.between(0.5, 20), () => {
              engine.onOperation?.('before', kind);
              if (!agent.alive) return;
              if (down || kernel.chance(faults.unavailable)) return reject(unavailable());
              kernel.at(kernel.between(0.5, 20) + slow, () => {
                if (down) return reject(unavailable());
                try {
                  const result = work();
                  engine.onOperation?.('after', kind);
                  kernel.at(kernel.between(0.1, 5), () => resolve(result));
                } catch (error) {
                  reject(error as Error);
                }
              });
            });
          }),
        );
      const must = (identity: OperationIdentity): EngineContainer => {
        const container = containers.get(identity.containerId);
        if (!container || container.identity.generation !== identity.generation)
          throw new TroupeError('CONTAINER_GONE', 'There is no such container');
        return container;
      };
      return {
        name: 'simulated',
        runsHealthChecks: true,
        fingerprint: () =>
          call('fingerprint', () => ({
            hostname: host, engine: 'simulated', engineVersion: '1', engineApiVersion: '1', cpus: 8, memoryMib: 8_192, diskGib: 100,
            architecture: 'x86_64', os: 'linux', kernelVersion: '6', runtimes: ['runc'], labels: {}, engineUp: true, engineProblem: null,
          })), // prettier-ignore
        images: () => call('images', () => [...images]),
        pullImage: (_identity, image) =>
          call('pullImage', () => {
            images.add(image);
            return { imageId: image };
          }),
        ensureSandbox: (_identity, { sandboxId }) =>
          call('ensureSandbox', () => ({ sandboxId, engineId: null, netnsPath: `/run/netns/${sandboxId}` })),
        removeSandbox: () => call('removeSandbox', () => undefined),
        listSandboxes: () => call('listSandboxes', () => []),
        createContainer: (identity) =>
          call('createContainer', () => {
            const existing = containers.get(identity.containerId);
            if (existing && existing.identity.generation === identity.generation) return observe(existing);
            if (existing) remove(identity.containerId);
            const container: EngineContainer = {
              identity,
              state: 'created',
              startedAt: null,
              finishedAt: null,
              exitCode: null,
              starts: 0,
            };
            containers.set(identity.containerId, container);
            tell(identity.containerId, 'create');
            return observe(container);
          }),
        startContainer: (identity) =>
          call('startContainer', () => {
            const container = must(identity);
            if (container.state === 'running') return observe(container);
            if (kernel.chance(faults.startFails))
              throw new TroupeError('START_FAILED', 'The command was not found in the image');
            start(container);
            return observe(container);
          }),
        stopContainer: (identity) =>
          call('stopContainer', () => {
            const container = containers.get(identity.containerId);
            if (!container) return null;
            if (container.state === 'running') tell(identity.containerId, 'kill', { signal: 15 });
            end(container, 0);
            return observe(container);
          }),
        killContainer: (identity) =>
          call('killContainer', () => {
            const container = containers.get(identity.containerId);
            if (!container) return null;
            if (container.state === 'running') tell(identity.containerId, 'kill', { signal: 9 });
            end(container, 137);
            return observe(container);
          }),
        removeContainer: (identity) => call('removeContainer', () => remove(identity.containerId)),
        observe: (containerId) =>
          call('observe', () => {
            const container = containers.get(containerId);
            return container ? observe(container) : null;
          }),
        list: () =>
          call('list', () =>
            [...containers.values()].map((container) => ({
              observation: observe(container),
              opId: container.identity.opId,
              worldId: container.identity.worldId,
              epoch: container.identity.epoch,
              sandboxId: null,
            })),
          ),
        async *events(signal) {
          const queue: EngineEvent[] = [{ kind: 'gap' }];
          let wake: () => void = () => {};
          const listener = (event: EngineEvent): void => {
            queue.push(event);
            wake();
          };
          listeners.add(listener);
          signal.addEventListener('abort', () => listeners.delete(listener));
          while (!signal.aborted && agent.alive) {
            while (queue.length > 0) yield queue.shift()!;
            await agent.guard(new Promise<void>((resolve) => (wake = resolve)));
          }
        },
        logs: () => Promise.resolve(Readable.from([])),
        close: () => Promise.resolve(),
      };
    },
  };
  return engine;
}
