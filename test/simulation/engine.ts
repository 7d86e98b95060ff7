/**
 * A container engine in memory: its containers outlive agents, it can be down,
 * slow or hung, and people meddle with it. It holds the truth that everyone
 * else only believes.
 */
import { Readable } from 'node:stream';
import type { NetworkDriver, NetworkSpec, PlugSpec } from '../../src/drivers/network/network-driver.ts';
import type { OperationIdentity, OwnerIdentity } from '../../src/drivers/runtime/operation-identity.ts';
import type { EngineEvent, EventExit, RuntimeDriver } from '../../src/drivers/runtime/runtime-driver.ts';
import type { ContainerMount, InsidePower } from '../../src/drivers/runtime/runtime-powers.ts';
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
  /** The sandbox it joined, and the namespace of that in which its run is. */
  readonly sandboxId: string | null;
  namespace: number | null;
  /** Its runs end by themselves, well, after so long; null = they don't. */
  readonly endsAfterMs: number | null;
  /** What it was created with. */
  readonly mounts: readonly ContainerMount[];
  /** What its agent has mounted into its run, by the place in it. */
  readonly mountedInto: Map<string, ContainerMount>;
}

export interface EngineSandbox {
  readonly identity: OwnerIdentity;
  /** A number of its own for each namespace that ever was; null when it is dead. */
  namespace: number | null;
}

/** A port, and the namespace that it is plugged into. */
export interface EnginePort {
  readonly spec: PlugSpec;
  readonly namespace: number;
}

export interface EngineFaults {
  /** Probabilities per call. */
  startFails: number;
  unavailable: number;
  slow: number;
  /** A volume that is to go is in use in the container. */
  busy: number;
}

export interface SimulatedEngine {
  readonly host: string;
  readonly containers: ReadonlyMap<string, EngineContainer>;
  readonly sandboxes: ReadonlyMap<string, EngineSandbox>;
  readonly networks: ReadonlyMap<string, NetworkSpec>;
  readonly ports: ReadonlyMap<string, EnginePort>;
  readonly faults: EngineFaults;
  driver(agent: SimulatedProcess): RuntimeDriver & { readonly inside: InsidePower };
  network(agent: SimulatedProcess): NetworkDriver;
  /** The process of a sandbox ends by itself. */
  endSandbox(sandboxId: string): void;
  setDown(down: boolean): void;
  /** The container's process ends by itself. */
  exit(containerId: string, exitCode: number): void;
  /** Somebody stops or removes it at the engine. */
  stopByHand(containerId: string): void;
  removeByHand(containerId: string): void;
  /** The machine loses power: nothing runs any more. */
  powerLoss(): void;
  /** A folder of the host's, that something is mounted at. Default none. */
  isMounted: (path: string) => boolean;
  /** A container that runs has it mounted. */
  uses(path: string): boolean;
  /** Called around each call, for crash points. */
  onOperation: ((point: 'before' | 'after', kind: string) => void) | null;
  /** Told of each start that brings a container to life. */
  onStart: ((container: EngineContainer) => void) | null;
  /** Told of each container that joins a namespace. */
  onJoin: ((containerId: string, namespace: number) => void) | null;
}

const wallClock = Date.UTC(2026, 0, 1);

export function createEngine(kernel: Kernel, host: string): SimulatedEngine {
  const containers = new Map<string, EngineContainer>();
  const sandboxes = new Map<string, EngineSandbox>();
  const networks = new Map<string, NetworkSpec>();
  const ports = new Map<string, EnginePort>();
  let namespaces = 0;
  const images = new Set<string>(['busybox:latest']);
  const faults: EngineFaults = { startFails: 0, unavailable: 0, slow: 0, busy: 0 };
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
      listener({
        kind: 'container',
        worldId: null,
        containerId,
        engineId: containerId,
        action,
        signal,
        exit,
      });
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
    container.mountedInto.clear();
    container.namespace = (container.sandboxId && sandboxes.get(container.sandboxId)?.namespace) || null;
    engine.onStart?.(container);
    tell(container.identity.containerId, 'start');
    const { startedAt, endsAfterMs } = container;
    if (endsAfterMs === null) return;
    kernel.at(endsAfterMs, () => container.startedAt === startedAt && end(container, 0));
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

  /** With a namespace go its ends of all links. */
  const endNamespace = (sandboxId: string, action: 'die' | 'destroy'): void => {
    const sandbox = sandboxes.get(sandboxId);
    if (!sandbox) return;
    for (const [portId, { namespace }] of ports) if (namespace === sandbox.namespace) ports.delete(portId);
    const wasAlive = sandbox.namespace !== null;
    sandbox.namespace = null;
    if (action === 'destroy') sandboxes.delete(sandboxId);
    kernel.trace(`${host} sandbox ${action} ${sandboxId.slice(0, 8)}`);
    if (down || (action === 'die' && !wasAlive)) return;
    for (const listener of listeners)
      listener({ kind: 'sandbox', worldId: null, sandboxId, engineId: sandboxId, action });
  };

  const unavailable = (): TroupeError =>
    new TroupeError('ENGINE_UNAVAILABLE', `The container engine on "${host}" does not answer`);

  /** The call reaches the engine, whoever is left to hear its answer. */
  const callBy =
    (agent: SimulatedProcess) =>
    <T>(kind: string, work: () => T): Promise<T> =>
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

  const engine: SimulatedEngine = {
    host,
    containers,
    sandboxes,
    networks,
    ports,
    faults,
    isMounted: () => false,
    uses: (path) =>
      [...containers.values()].some(
        ({ state, mounts, mountedInto }) =>
          state === 'running' && [...mounts, ...mountedInto.values()].some(({ source }) => source === path),
      ),
    onOperation: null,
    onStart: null,
    onJoin: null,
    endSandbox: (sandboxId) => endNamespace(sandboxId, 'die'),
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
      // Links and namespaces are the kernel's: a reboot leaves none.
      for (const sandbox of sandboxes.values()) sandbox.namespace = null;
      ports.clear();
      networks.clear();
    },
    driver(agent) {
      const call = callBy(agent);
      const must = (identity: OperationIdentity): EngineContainer => {
        const container = containers.get(identity.containerId);
        if (!container || container.identity.generation !== identity.generation)
          throw new TroupeError('CONTAINER_GONE', 'There is no such container');
        return container;
      };
      const running = ({ containerId, generation }: OperationIdentity): EngineContainer | null => {
        const container = containers.get(containerId);
        return container?.state === 'running' && container.identity.generation === generation
          ? container
          : null;
      };
      const startContainer = (identity: OperationIdentity): Promise<Observation> =>
        call('startContainer', () => {
          const container = must(identity);
          if (container.state === 'running') return observe(container);
          if (
            container.sandboxId !== null &&
            (sandboxes.get(container.sandboxId)?.namespace ?? null) === null
          )
            throw new TroupeError('SANDBOX_GONE', 'The namespace it joined is gone');
          if (container.mounts.some(({ source }) => !engine.isMounted(source)))
            throw new TroupeError('START_FAILED', 'The folder of a volume is not there');
          if (kernel.chance(faults.startFails))
            throw new TroupeError('START_FAILED', 'The command was not found in the image');
          start(container);
          return observe(container);
        });
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
        ensureSandbox: (identity, { sandboxId }) =>
          call('ensureSandbox', () => {
            const known = sandboxes.get(sandboxId);
            const sandbox: EngineSandbox = known ?? { identity, namespace: null };
            sandboxes.set(sandboxId, sandbox);
            if (sandbox.namespace === null) {
              sandbox.namespace = namespaces += 1;
              for (const listener of listeners)
                listener({ kind: 'sandbox', worldId: null, sandboxId, engineId: sandboxId, action: 'start' });
            }
            return { sandboxId, engineId: sandboxId, netnsPath: `/proc/${sandbox.namespace}/ns/net` };
          }),
        removeSandbox: (_identity, sandboxId) =>
          call('removeSandbox', () => endNamespace(sandboxId, 'destroy')),
        listSandboxes: () =>
          call('listSandboxes', () =>
            [...sandboxes].map(([sandboxId, { identity, namespace }]) => ({
              ...identity,
              sandboxId,
              engineId: sandboxId,
              netnsPath: namespace === null ? null : `/proc/${namespace}/ns/net`,
            })),
          ),
        async createContainer(identity, { sandbox, spec, mounts, start }) {
          const created = await call('createContainer', () => {
            const sandboxId = sandbox?.sandboxId ?? null;
            const namespace = sandboxId === null ? 0 : (sandboxes.get(sandboxId)?.namespace ?? null);
            if (namespace === null) throw new TroupeError('SANDBOX_GONE', 'There is no such namespace');
            if (sandboxId !== null) engine.onJoin?.(identity.containerId, namespace);
            const existing = containers.get(identity.containerId);
            const fits =
              existing?.identity.generation === identity.generation && existing.sandboxId === sandboxId;
            if (existing && fits) return observe(existing);
            if (existing) remove(identity.containerId);
            const container: EngineContainer = {
              identity,
              state: 'created',
              startedAt: null,
              finishedAt: null,
              exitCode: null,
              starts: 0,
              sandboxId,
              namespace: null,
              endsAfterMs: spec.command?.[0] === 'end' ? 200 : null,
              mounts,
              mountedInto: new Map(),
            };
            containers.set(identity.containerId, container);
            tell(identity.containerId, 'create');
            return observe(container);
          });
          if (!start || created.state !== 'created') return created;
          return startContainer(identity).catch(() => created);
        },
        startContainer,
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
              sandboxId: container.sandboxId,
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
        inside: {
          mount: (identity, mount) =>
            call('mountInside', () => {
              const container = running(identity);
              if (!container) return;
              if (!engine.isMounted(mount.source))
                throw new TroupeError('VOLUME_ERROR', 'The folder of a volume is not there');
              container.mountedInto.set(mount.destination, mount);
            }),
          unmount: (identity, { destination }) =>
            call('unmountInside', () => {
              const container = running(identity);
              if (container && kernel.chance(faults.busy))
                throw new TroupeError('VOLUME_IN_USE', 'A process of the container uses it');
              container?.mountedInto.delete(destination);
            }),
        },
        logs: () => Promise.resolve(Readable.from([])),
        close: () => Promise.resolve(),
      };
    },
    network(agent) {
      const call = callBy(agent);
      const subnetsInUse = (): readonly string[] => [...networks.values()].map(({ subnet }) => subnet);
      return {
        name: 'simulated',
        probe: () => call('probe', () => ({ able: true, problems: [], subnetsInUse: subnetsInUse() })),
        ensureNetwork: (spec) =>
          call('ensureNetwork', () => {
            const others = [...networks.values()].filter(({ networkId }) => networkId !== spec.networkId);
            if (others.some(({ subnet }) => subnet === spec.subnet))
              throw new TroupeError('SUBNET_IN_USE', `"${spec.subnet}" is in use`);
            networks.set(spec.networkId, spec);
          }),
        removeNetwork: ({ networkId }) =>
          call('removeNetwork', () => {
            if ([...ports.values()].some(({ spec }) => spec.networkId === networkId))
              throw new TroupeError('NETWORK_IN_USE', 'It has ports');
            networks.delete(networkId);
          }),
        listNetworks: () =>
          call('listNetworks', () =>
            [...networks.values()].map(({ worldId, networkId, tenant }) => ({
              linkName: networkId,
              worldId,
              networkId,
              tenant,
              guarded: true,
            })),
          ),
        plug: (spec) =>
          call('plug', () => {
            if (spec.of === 'us' && !networks.has(spec.networkId))
              throw new TroupeError('NETWORK_NOT_FOUND', 'It has no bridge');
            const [, number] = /^\/proc\/(\d+)\//.exec(spec.netnsPath) ?? [];
            const namespace = Number(number);
            if (![...sandboxes.values()].some((sandbox) => sandbox.namespace === namespace))
              throw new TroupeError('SANDBOX_GONE', 'There is no such namespace');
            ports.set(spec.portId, { spec, namespace });
          }),
        identify: (path) => Promise.resolve(path),
        unplug: ({ portId }) => call('unplug', () => void ports.delete(portId)),
        listPorts: () =>
          call('listPorts', () =>
            [...ports.values()].map(({ spec: { worldId, portId, networkId } }) => ({
              linkName: portId,
              worldId,
              portId,
              networkId,
              guarded: true,
            })),
          ),
        publish: () => call('publish', () => undefined),
        unpublish: () => call('unpublish', () => undefined),
        listPublished: () => call('listPublished', () => []),
        sweep: () => call('sweep', () => []),
      };
    },
  };
  return engine;
}
