/** A whole cluster under one seed: control plane, hosts, a workload, faults, and the peace after them. */
import { createAgent, type Agent } from '../../src/agent/agent.ts';
import type { NameFiles, Plugged } from '../../src/agent/name-files.ts';
import { createSandboxes } from '../../src/agent/sandboxes.ts';
import { createVolumes } from '../../src/agent/volumes.ts';
import type { AgentChanges, AgentMemory, AgentState, Lane, OutboxEntry } from '../../src/agent/state.ts';
import { startControlPlane, type RunningControlPlane } from '../../src/actors/control-plane.ts';
import { createCinderDesk, withVolumes, type CinderDesk } from '../../src/api/zun/cinder-desk.ts';
import type { VolumeWish } from '../../src/api/zun/attachments.ts';
import { toFailure, TroupeError } from '../../src/errors/errors.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { agentRestartPolicy } from '../../src/main/restart-policy.ts';
import { memberId } from '../../src/actors/create-capsule.ts';
import { idempotentId } from '../../src/actors/specs.ts';
import type { ContainerView } from '../../src/model/container-view.ts';
import type { ContainerSpec, RestartPolicy } from '../../src/model/container.ts';
import { containerAddress, parseAddress, type Address, type Shard } from '../../src/model/address.ts';
import { createFakeProber } from '../support/fake-prober.ts';
import { createDisk, type Disk } from './store.ts';
import { createCinder, type SimulatedCinder } from './cinder.ts';
import { createEngine, type EngineContainer, type SimulatedEngine } from './engine.ts';
import { createHostVolumes, type SimulatedHostVolumes } from './host-volumes.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';
import { createNetwork, type Network } from './network.ts';
import { createNeutron, neutronNetwork, type SimulatedNeutron } from './neutron.ts';

export interface WorldOptions {
  readonly hosts: number;
  /** Milliseconds of workload and faults. */
  readonly duration: number;
  readonly creates: number;
  /** Capsules beside these. Default none. */
  readonly capsules?: number;
  /** The share of containers that have volumes of Cinder. Default none, and no Cinder. */
  readonly volumes?: number;
  readonly faults: boolean;
  /** The longest that a crashed agent is away, in ms. */
  readonly agentAwayMs: number;
  /** The store loses its tail together with its owner. Default never. */
  readonly disasters?: boolean;
}

export interface Accepted {
  readonly address: Address;
  readonly spec: ContainerSpec;
  /** When it was told to its user, in the kernel's time. */
  readonly at: number;
  /** A delete of it was accepted. */
  deleted: boolean;
  deletedAt: number;
  /** A delete was asked for and its outcome was never told, or told to be unknown. */
  uncertain: boolean;
}

export interface SimulatedWorld {
  readonly kernel: Kernel;
  readonly disk: Disk;
  readonly engines: readonly SimulatedEngine[];
  readonly neutron: SimulatedNeutron;
  readonly cinder: SimulatedCinder;
  /** By the number of their host. */
  readonly hostVolumes: readonly SimulatedHostVolumes[];
  /** In Cinder before anybody came. */
  readonly standing: ReadonlySet<string>;
  readonly accepted: Map<Address, Accepted>;
  /** Capsules that were accepted. */
  readonly capsules: Map<Address, Omit<Accepted, 'spec'>>;
  readonly violations: string[];
  /** When a shard last lost what nobody else knew. */
  readonly lostAt: Map<Shard, number>;
  /** The control plane dies, and its store forgets the tails of some shards. */
  disaster(): void;
  /** Null while it is down. */
  controlPlane: RunningControlPlane | null;
  crashControlPlane(): void;
  crashAgent(host: number): void;
  /** Runs workload and faults, then peace, until all that can settle has. */
  live(): Promise<void>;
  /** Creates one container and gives its address once it is accepted. */
  create(request: {
    tenant: string;
    run: boolean;
    restart?: ContainerSpec['restartPolicy'];
    key?: string;
    /** Drawn when it is not given. */
    image?: string;
    /** Drawn when they are not given. */
    wishes?: readonly VolumeWish[];
  }): Promise<Address | null>;
  /** Gives a container a volume that is in Cinder. */
  attachVolume(address: Address): Promise<void>;
  /** Takes one from it that it was given. */
  detachVolume(address: Address): Promise<void>;
  /** Creates a capsule of an init container and two others; null when it is not accepted. */
  createCapsule(tenant: string, restart: RestartPolicy): Promise<Address | null>;
  deleteCapsule(address: Address): Promise<void>;
  command(address: Address, event: Parameters<RunningControlPlane['command']>[1]): Promise<string>;
  /** Brings up everything and waits until all hosts are online. */
  boot(): Promise<void>;
  peace(): Promise<void>;
}

const tenants = ['p1', 'p2', 'p3'];
const sealer = { seal: (text: string) => `sealed ${text}`, open: (text: string) => text.slice(7) };

/** Shorter than in production, so that a seed is short; the order of their sizes is the same. */
const config = {
  deadlines: {
    placingMs: 20_000, claimMs: 4_000, imageMs: 60_000, sandboxMs: 20_000, createMs: 30_000, startMs: 30_000, stopMs: 20_000,
    removeMs: 30_000, networkIdleMs: 10_000, retryMs: 500,
  }, // prettier-ignore
  limits: { containers: 12, cpuMillis: -1, memoryMib: -1, diskGib: -1 },
  reservationMs: 20_000,
  promisedMs: 20_000,
  sandbox: 'own' as const,
  pool: { ceiling: 3, windowMs: 5_000 },
  readyPorts: { perProject: 4, perSite: 6 },
  strategy: 'spread' as const,
  commitsTo: 'host' as const,
  collectMs: 3_600_000,
  neighbours: 'off' as const,
  hostPolicy: {
    availabilityZone: 'nova',
    ratios: { cpu: 1, memory: 1, disk: 1 },
    reserved: { cpu: 0, memory: 0, disk: 0 },
    warmMemoryMib: 32,
  },
  suspectMs: 0,
  lostMs: 8_000,
  syncMs: 20_000,
  answerMs: 5_000,
};

function memoryState(): { open(process: SimulatedProcess, kernel: Kernel): AgentState } {
  let identity: AgentMemory['identity'] = null;
  let epoch = 0;
  let sequence = 0;
  const lanes = new Map<string, Lane>();
  const outbox = new Map<number, OutboxEntry>();
  const apply = (changes: AgentChanges): void => {
    if (changes.identity) identity = changes.identity;
    if (changes.epoch !== undefined) epoch = changes.epoch;
    if (changes.lane) lanes.set(changes.lane.containerId, changes.lane);
    if (changes.removeLane !== undefined) lanes.delete(changes.removeLane);
    if (changes.told) {
      outbox.set(changes.told.sequence, changes.told);
      sequence = changes.told.sequence;
    }
    if (changes.acknowledged !== undefined)
      for (const each of outbox.keys()) if (each <= changes.acknowledged) outbox.delete(each);
  };
  return {
    open: (process, kernel) => {
      // Writes reach the disk in the order of their calls.
      let last = 0;
      return {
        read: () =>
          Promise.resolve({
            identity,
            epoch,
            sequence,
            lanes: [...lanes.values()],
            outbox: [...outbox.values()],
          }),
        write(changes) {
          const sent = JSON.parse(JSON.stringify(changes)) as AgentChanges;
          last = Math.max(last, kernel.now + kernel.between(0.05, 1));
          return process.guard(
            new Promise((resolve) => {
              kernel.at(last - kernel.now, () => {
                if (!process.alive) return;
                apply(sent);
                resolve();
              });
            }),
          );
        },
        close: () => Promise.resolve(),
      };
    },
  };
}

/** What a disk keeps of plugged sandboxes: written at once, or not when the agent is gone. */
function memoryNames(): (process: SimulatedProcess) => NameFiles {
  const subnets = new Map<string, string>();
  const known = new Map<string, Plugged & { containers: ReadonlySet<string> }>();
  return (process) => {
    const turn = <T>(work: () => T): Promise<T> =>
      process.guard(process.alive ? Promise.resolve().then(work) : new Promise<never>(() => {}));
    return {
      plugged: (sandboxId, seen) =>
        turn(() => {
          known.set(sandboxId, { ...seen, containers: known.get(sandboxId)?.containers ?? new Set() });
        }),
      unplugged: (sandboxId, portId) =>
        turn(() => {
          const seen = known.get(sandboxId);
          if (seen)
            known.set(sandboxId, { ...seen, ports: seen.ports.filter((port) => port.portId !== portId) });
        }),
      named: (sandboxId, containerId) =>
        turn(() => {
          const seen = known.get(sandboxId);
          if (!seen) throw new TroupeError('SANDBOX_GONE', 'It was never plugged');
          known.set(sandboxId, { ...seen, containers: new Set([...seen.containers, containerId]) });
          return { hosts: '/hosts', resolvConf: '/resolv.conf', hostname: '/hostname' };
        }),
      removed: (sandboxId) => turn(() => void known.delete(sandboxId)),
      networkMade: (networkId, subnet) => turn(() => void subnets.set(networkId, subnet)),
      networkRemoved: (networkId) => turn(() => void subnets.delete(networkId)),
      subnets: () => turn(() => [...subnets.values()]),
      find: (sandboxId) => turn(() => known.get(sandboxId) ?? null),
      ofContainer: (containerId) =>
        turn(() => {
          const found = [...known].find(([, seen]) => seen.containers.has(containerId));
          return found ? { sandboxId: found[0], seen: found[1] } : null;
        }),
    };
  };
}

export function createWorld(kernel: Kernel, options: WorldOptions): SimulatedWorld {
  const disk = createDisk(kernel);
  const network: Network = createNetwork(kernel);
  const engines = Array.from({ length: options.hosts }, (_, index) =>
    createEngine(kernel, `host${index + 1}`),
  );
  const neutron = createNeutron(kernel, engines);
  const { volumes: share = 0 } = options;
  const cinder = createCinder(kernel);
  const hostVolumes = share > 0 ? engines.map((engine) => createHostVolumes(kernel, engine, cinder)) : [];
  const standing = new Set(
    share > 0 ? tenants.flatMap((tenant) => [cinder.put(tenant, false), cinder.put(tenant, true)]) : [],
  );
  let desk: CinderDesk | null = null;
  const states = engines.map(() => memoryState());
  const nameFiles = engines.map(() => memoryNames());
  const agents: ({ process: SimulatedProcess; agent: Agent | null } | null)[] = engines.map(() => null);
  const joinTokens: (string | null)[] = engines.map(() => null);
  const accepted = new Map<Address, Accepted>();
  const capsules: SimulatedWorld['capsules'] = new Map();
  /** The capsule of each member that was ever asked for. */
  const capsuleOf = new Map<string, string>();
  const violations: string[] = [];
  const lostAt = new Map<Shard, number>();
  let control: SimulatedProcess | null = null;
  let incarnation = 0;
  let requests = 0;
  /** A third of them on the cloud's network, the others on their hosts' own. */
  const drawNetworks = (): ContainerSpec['networks'] =>
    kernel.chance(0.66)
      ? []
      : [
          {
            networkId: neutronNetwork,
            isDefault: false,
            fixedAddress: null,
            neutron: { portId: null, fixedAddress6: null, securityGroups: ['g'] },
          },
        ];
  const wishFor = (source: string | null, destination: string): VolumeWish => ({
    name: destination,
    source,
    sizeGib: 1,
    isKept: kernel.chance(0.3),
    destination,
    readOnly: source !== null && kernel.chance(0.3),
  });
  const drawStanding = (tenant: string): string =>
    kernel.pick([...standing].filter((id) => cinder.volumes.get(id)?.projectId === tenant));
  const drawWishes = (tenant: string): readonly VolumeWish[] => {
    if (share === 0 || !kernel.chance(share)) return [];
    const made = wishFor(null, '/made');
    const found = wishFor(drawStanding(tenant), '/found');
    return kernel.pick([[made], [found], [made, found]]);
  };
  const drawImage = (): string => (kernel.chance(0.8) ? 'busybox:latest' : `image${requests}:latest`);

  const specOf = (image: string, restartPolicy: ContainerSpec['restartPolicy']): ContainerSpec => ({
    name: `c${requests}`, userId: 'u', image, imageReference: null, registryId: null, imageDriver: 'docker', stored: null,
    imagePullPolicy: 'ifnotpresent', command: null, entrypoint: null, workdir: null, environment: { SECRET: 'x' }, labels: {}, hints: {},
    cpu: 0.5, memoryMib: 128, diskGib: 0, pidsLimit: 100, interactive: false, tty: false, hostname: null, runtime: null,
    restartPolicy, autoRemove: false, autoHeal: false, healthcheck: null, availabilityZone: null, requestedHost: null, networks: [], published: [], mounts: [], files: [],
  }); // prettier-ignore

  const violate = (what: string): void => {
    kernel.trace(`VIOLATION ${what}`);
    violations.push(what);
  };

  for (const mounted of hostVolumes)
    mounted.onMount = ({ cinderId, readOnly }) => {
      if (cinder.volumes.get(cinderId)?.isShared) return;
      const elsewhere = hostVolumes
        .filter((each) => each !== mounted)
        .flatMap((each) => [...each.mounts.values()]);
      if (elsewhere.some((each) => each.cinderId === cinderId && !(readOnly && each.readOnly)))
        violate(`V1: volume ${cinderId} is mounted at two hosts`);
    };
  for (const engine of engines) {
    const joined = new Map<number, string>();
    engine.onJoin = (containerId, namespace) => {
      const before = joined.get(namespace) ?? containerId;
      joined.set(namespace, containerId);
      const isShared = capsuleOf.has(containerId) && capsuleOf.get(containerId) === capsuleOf.get(before);
      if (before !== containerId && !isShared)
        violate(`I4: ${containerId} was given the namespace that ${before} had`);
    };
    engine.onStart = (started: EngineContainer) => {
      const { containerId, generation } = started.identity;
      const alive = engines.flatMap((each) => {
        const container = each.containers.get(containerId);
        return container?.state === 'running' ? [each.host] : [];
      });
      if (alive.length > 1)
        violate(`I2: ${containerId} generation ${generation} lives on ${alive.join(' and ')}`);
    };
  }

  const startControl = async (): Promise<void> => {
    incarnation += 1;
    const process = kernel.process(`control${incarnation}`);
    control = process;
    try {
      const started = await startControlPlane({
        environment: process.environment,
        store: disk.store(process),
        charts,
        sealer,
        owner: { hostname: 'simulated', pid: incarnation, startedAt: 0 },
        config,
        neutron: neutron.client(process),
        cinder: share > 0 ? cinder.client(process) : null,
        links: (events) =>
          createHostLinks({
            environment: process.environment,
            events,
            timing: { heartbeatMs: 500, leaseMs: 5_000, operationsInFlight: 64 },
          }),
      });
      if (!process.alive) return;
      world.controlPlane = started;
      desk = createCinderDesk(cinder.client(process), started.world.worldId, started.volumePromises);
      network.listen(started.links, process);
      kernel.trace(`control plane ${incarnation} is up, epoch ${started.world.epoch}`);
    } catch (error) {
      if (process.alive) violate(`The control plane could not start: ${toFailure(error).message}`);
    }
  };

  const startAgent = async (index: number): Promise<void> => {
    const engine = engines[index]!;
    const process = kernel.process(`agent${index + 1}`);
    const driver = engine.driver(process);
    agents[index] = { process, agent: null };
    const agent = await createAgent({
      environment: process.environment,
      driver,
      prober: createFakeProber(),
      dialer: network.dialer(process, engine.host),
      state: states[index]!.open(process, kernel),
      hostname: engine.host,
      version: 'simulated',
      joinToken: joinTokens[index]!,
      decideRestart: agentRestartPolicy,
      labels: {},
      networks: { able: true, problem: null, neutronHost: engine.host },
      sandboxes: createSandboxes({
        driver,
        network: engine.network(process),
        files: nameFiles[index]!(process),
        subnets: { cidr: '10.64.0.0/16', prefix: 28 },
        mtu: 1_500,
      }),
      volumes: share > 0 ? createVolumes(hostVolumes[index]!.driver(process), engine.host) : null,
    });
    if (!process.alive) return;
    agents[index] = { process, agent };
    await agent.start();
  };

  const world: SimulatedWorld = {
    kernel,
    disk,
    engines,
    neutron,
    cinder,
    hostVolumes,
    standing,
    accepted,
    capsules,
    violations,
    lostAt,
    disaster() {
      if (!control?.alive) return;
      world.crashControlPlane();
      for (const shard of disk.shards()) {
        if (!kernel.chance(0.6)) continue;
        const turns = kernel.pick([3, 30, 10_000]);
        lostAt.set(shard, kernel.now);
        disk.loseTail(shard, 1 + Math.floor(kernel.random() * turns));
      }
    },
    controlPlane: null,
    crashControlPlane() {
      if (!control?.alive) return;
      kernel.trace('control plane crashes');
      control.kill();
      network.died(control);
      world.controlPlane = null;
      kernel.at(kernel.between(100, 12_000), () => void startControl());
    },
    crashAgent(index) {
      const running = agents[index];
      if (!running?.process.alive) return;
      kernel.trace(`agent ${index + 1} crashes`);
      running.process.kill();
      network.died(running.process);
      kernel.at(kernel.between(100, options.agentAwayMs), () => void startAgent(index));
    },
    async boot() {
      await Promise.all([startControl(), kernel.run(kernel.now + 100)]);
      for (const index of engines.keys()) {
        void world.controlPlane!.createJoinToken().then((token) => (joinTokens[index] = token));
        await kernel.run(kernel.now + 10);
        void startAgent(index);
      }
      await kernel.run(
        kernel.now + 3_000,
        () => world.controlPlane!.hosts().filter(({ online }) => online).length === engines.length,
      );
    },
    async create({ tenant, run, restart = null, key, image = drawImage(), wishes = drawWishes(tenant) }) {
      const plane = world.controlPlane;
      if (!plane) return null;
      requests += 1;
      const caller = { userId: 'u', projectId: tenant, requestId: `req-${requests}` };
      const spec = { ...specOf(image, restart), networks: drawNetworks() };
      const seed = key === undefined ? caller.requestId : `${tenant}/${key}`;
      const asked = desk;
      const ask =
        asked && wishes.length > 0 ? () => asked.mounts(wishes, seed, { ...caller, token: 't' }) : null;
      try {
        const view: ContainerView = await withVolumes(ask, (mounts) =>
          plane.createContainer({
            caller,
            spec: { ...spec, mounts: mounts ?? [] },
            run,
            idempotencyKey: key ?? null,
            nameGenerated: true,
          }),
        );
        kernel.trace(`accepted ${view.address}`);
        if (!accepted.has(view.address))
          accepted.set(view.address, {
            address: view.address,
            spec,
            at: kernel.now,
            deleted: false,
            deletedAt: 0,
            uncertain: false,
          });
        return view.address;
      } catch (error) {
        kernel.trace(`create refused: ${toFailure(error).message}`);
        return null;
      }
    },
    async attachVolume(address) {
      const { id, tenant } = parseAddress(address);
      const destination = kernel.pick(['/hot', '/hotter']);
      requests += 1;
      try {
        if (!desk || !tenant) return;
        const wish = wishFor(drawStanding(tenant), destination);
        const bearer = { token: 't', userId: 'u', projectId: tenant, requestId: `req-${requests}` };
        const { mounts } = await desk.mounts([wish], `${id}/${requests}`, bearer);
        const view = world.controlPlane?.container(tenant, id);
        const cinderId = mounts[0]?.made?.cinder?.volumeId;
        if (
          !view ||
          view.mounts.some((each) => each.cinderId === cinderId || each.destination === destination)
        )
          return;
        await world.command(address, { type: 'container.attachVolume', mount: mounts[0]! });
      } catch (error) {
        kernel.trace(`volume refused: ${toFailure(error).message}`);
      }
    },
    async detachVolume(address) {
      const { id, tenant } = parseAddress(address);
      try {
        const mounts = world.controlPlane?.container(tenant, id).mounts ?? [];
        if (mounts.length === 0) return;
        const { volumeId } = kernel.pick(mounts);
        await world.command(address, { type: 'container.detachVolume', volumeId });
      } catch (error) {
        kernel.trace(`volume refused: ${toFailure(error).message}`);
      }
    },
    async createCapsule(tenant, restart) {
      const plane = world.controlPlane;
      if (!plane) return null;
      requests += 1;
      const key = `capsule${requests}`;
      const id = idempotentId(tenant, key);
      for (const index of [0, 1, 2]) capsuleOf.set(memberId(id, index), id);
      const caller = { userId: 'u', projectId: tenant, requestId: `req-${requests}` };
      const member = (restartPolicy: RestartPolicy): ContainerSpec => specOf('busybox:latest', restartPolicy);
      const init = member(
        restart.name === 'no' ? restart : { name: 'on-failure' as const, maximumRetryCount: 10 },
      );
      try {
        const { address } = await plane.capsules.create({
          caller,
          idempotencyKey: key,
          template: {
            name: key, userId: 'u', labels: {}, annotations: {}, availabilityZone: null, restartPolicy: restart,
            initContainers: [{ ...init, command: ['end'] }], containers: [member(restart), member(restart)],
          }, // prettier-ignore
        });
        kernel.trace(`accepted ${address}`);
        capsules.set(address, { address, at: kernel.now, deleted: false, deletedAt: 0, uncertain: false });
        return address;
      } catch (error) {
        kernel.trace(`capsule refused: ${toFailure(error).message}`);
        return null;
      }
    },
    async deleteCapsule(address) {
      const plane = world.controlPlane;
      const known = capsules.get(address);
      if (!plane || !known) return;
      requests += 1;
      known.uncertain = true;
      try {
        const view = plane.capsules.find(null, parseAddress(address).id);
        await plane.capsules.delete(view, { userId: 'u', projectId: 'p', requestId: `req-${requests}` });
        kernel.trace(`capsule.delete ${address}`);
        known.deleted = true;
        known.deletedAt = kernel.now;
      } catch (error) {
        kernel.trace(`capsule.delete ${address} failed: ${toFailure(error).message}`);
      }
    },
    async command(address, event) {
      const plane = world.controlPlane;
      if (!plane) return 'down';
      requests += 1;
      const known = accepted.get(address)!;
      const before = known.uncertain;
      if (event.type === 'container.delete') known.uncertain = true;
      try {
        const { answer } = await plane.command(address, event, {
          userId: 'u',
          projectId: 'p',
          requestId: `req-${requests}`,
        });
        kernel.trace(`${event.type} ${address} ${answer}`);
        known.uncertain = before;
        if (event.type === 'container.delete' && answer !== 'refused') {
          known.deleted = true;
          known.deletedAt = kernel.now;
        }
        return answer;
      } catch (error) {
        // Everything but this says that nothing was changed, and must be true.
        if (toFailure(error).code !== 'COMMIT_UNKNOWN') known.uncertain = before;
        kernel.trace(`${event.type} ${address} failed: ${toFailure(error).message}`);
        return 'failed';
      }
    },
    async live() {
      await world.boot();
      const until = kernel.now + options.duration;
      scheduleWorkload(world, options, until);
      if (options.capsules) scheduleCapsules(world, options.capsules, options.duration);
      if (options.faults) scheduleFaults(world, network, agents.length, until, options);
      await kernel.run(until);
      await world.peace();
    },
    async peace() {
      Object.assign(disk.faults, { lostReply: 0, unwrittenUnknown: 0, full: 0, slow: 0 });
      Object.assign(neutron.faults, { lostAnswer: 0, unavailable: 0, slow: 0 });
      Object.assign(cinder.faults, { lostAnswer: 0, unavailable: 0, slow: 0, cutOff: 0, broken: 0 });
      for (const engine of engines) {
        engine.setDown(false);
        Object.assign(engine.faults, { startFails: 0, unavailable: 0, slow: 0, busy: 0 });
      }
      // Longer than every deadline, and than the longest back-off after it.
      await kernel.run(kernel.now + 150_000);
    },
  };
  return world;
}

function scheduleWorkload(
  world: SimulatedWorld,
  { creates, duration, disasters = false, volumes = 0 }: WorldOptions,
  until: number,
): void {
  const { kernel } = world;
  const policies = [
    null,
    { name: 'always', maximumRetryCount: 0 },
    { name: 'on-failure', maximumRetryCount: 3 },
  ] as const;
  const keys = ['k1', 'k2'];
  for (let count = 0; count < creates; count += 1) {
    kernel.at(kernel.between(0, duration * 0.8), () => {
      void world.create({
        tenant: kernel.pick(tenants),
        run: kernel.chance(0.8),
        restart: kernel.pick(policies),
        // What a key stood for is lost with its container: its next use makes another.
        ...(!disasters && kernel.chance(0.1) ? { key: kernel.pick(keys) } : {}),
      });
    });
  }
  const act = (): void => {
    if (kernel.now >= until) return;
    const known = [...world.accepted.values()].filter(({ deleted }) => !deleted);
    if (known.length > 0 && volumes > 0 && kernel.chance(0.4)) {
      const { address } = kernel.pick(known);
      if (kernel.chance(0.6)) void world.attachVolume(address);
      else void world.detachVolume(address);
    } else if (known.length > 0) {
      const { address } = kernel.pick(known);
      const command = kernel.pick([
        { type: 'container.stop', graceMs: 1_000 },
        { type: 'container.start' },
        { type: 'container.start' },
        { type: 'container.delete', mode: 'stop', graceMs: 500 },
        { type: 'container.delete', mode: 'force', graceMs: 0 },
        { type: 'container.delete', mode: 'ifStopped', graceMs: 0 },
      ] as const);
      void world.command(address, command);
    }
    kernel.at(kernel.between(50, duration / creates), act);
  };
  kernel.at(1_000, act);
}

function scheduleCapsules(world: SimulatedWorld, count: number, duration: number): void {
  const { kernel } = world;
  const policies = [
    { name: 'no', maximumRetryCount: 0 },
    { name: 'always', maximumRetryCount: 0 },
    { name: 'always', maximumRetryCount: 0 },
  ] as const;
  for (let made = 0; made < count; made += 1) {
    kernel.at(kernel.between(0, duration * 0.7), () => {
      void world.createCapsule(kernel.pick(tenants), kernel.pick(policies)).then((address) => {
        if (address === null || kernel.chance(0.5)) return;
        kernel.at(kernel.between(10, duration * 0.5), () => void world.deleteCapsule(address));
      });
    });
  }
}

/** Within this a living owner notices that its store lost something, and writes it again. */
const noticedMs = 15_000;

function scheduleFaults(
  world: SimulatedWorld,
  network: Network,
  hosts: number,
  until: number,
  { disasters = false, volumes = 0 }: WorldOptions,
): void {
  const { kernel, disk, engines, neutron, cinder, hostVolumes } = world;
  Object.assign(neutron.faults, {
    lostAnswer: kernel.pick([0, 0.05, 0.1]),
    unavailable: kernel.pick([0, 0.05, 0.3]),
    slow: kernel.pick([0, 0.05]),
  });
  disk.faults.slow = kernel.pick([0, 0.02, 0.1]);
  disk.faults.lostReply = kernel.pick([0, 0.02, 0.05]);
  disk.faults.unwrittenUnknown = kernel.pick([0, 0.02, 0.05]);
  disk.faults.full = kernel.pick([0, 0, 0.03]);
  for (const engine of engines) {
    engine.faults.unavailable = kernel.pick([0, 0.05]);
    engine.faults.startFails = kernel.pick([0, 0.1]);
    engine.faults.slow = kernel.pick([0, 0.05]);
  }
  if (volumes > 0) {
    Object.assign(cinder.faults, {
      lostAnswer: kernel.pick([0, 0.05, 0.1]),
      unavailable: kernel.pick([0, 0.05, 0.3]),
      slow: kernel.pick([0, 0.05]),
      cutOff: kernel.pick([0, 0.1]),
      broken: kernel.pick([0, 0.05]),
    });
    for (const engine of engines) engine.faults.busy = kernel.pick([0, 0.3]);
  }
  let lossAt = Number.NEGATIVE_INFINITY;
  const running = (): { engine: SimulatedEngine; id: string } | null => {
    const engine = kernel.pick(engines);
    const ids = [...engine.containers.keys()];
    return ids.length === 0 ? null : { engine, id: kernel.pick(ids) };
  };
  const faults: readonly (() => void)[] = [
    () => kernel.now - lossAt > noticedMs && world.crashControlPlane(),
    () => world.crashAgent(Math.floor(kernel.random() * hosts)),
    () => network.cut(kernel.pick(engines).host),
    () => network.silence(kernel.pick(engines).host, kernel.pick(['up', 'down'] as const)),
    () => {
      const found = running();
      found?.engine.exit(found.id, kernel.pick([0, 1, 137]));
    },
    () => {
      const found = running();
      found?.engine.stopByHand(found.id);
    },
    () => {
      const found = running();
      found?.engine.removeByHand(found.id);
    },
    () => {
      const engine = kernel.pick(engines);
      const ids = [...engine.sandboxes.keys()];
      if (ids.length > 0) engine.endSandbox(kernel.pick(ids));
    },
    () => {
      const engine = kernel.pick(engines);
      engine.setDown(true);
      kernel.at(kernel.between(500, 15_000), () => engine.setDown(false));
    },
    () => {
      const index = Math.floor(kernel.random() * hosts);
      kernel.trace(`${engines[index]!.host} loses power`);
      engines[index]!.powerLoss();
      hostVolumes[index]?.powerLoss();
      world.crashAgent(index);
    },
    // A fail-over under a living owner: memory is the newer truth. Losing both at once loses what nobody else knows.
    () => {
      if (!world.controlPlane) return;
      lossAt = kernel.now;
      disk.loseTail(kernel.pick(disk.shards()), 1 + Math.floor(kernel.random() * 3));
    },
    ...(disasters ? [() => kernel.now - lossAt > noticedMs && world.disaster()] : []),
  ];
  const strike = (): void => {
    if (kernel.now >= until) return;
    kernel.pick(faults)();
    kernel.at(kernel.between(200, 4_000), strike);
  };
  kernel.at(kernel.between(500, 3_000), strike);
}

export const addressOf = containerAddress;
