/** One control plane's link, one agent, one engine, one wire, and a clock that stands still. */
import type { Test } from 'tap';
import { createAgent, type Agent } from '../../src/agent/agent.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import type { HostLinks, LinkTiming } from '../../src/link/host-links.ts';
import type { HostEffectName, OperateParams, OperationArguments } from '../../src/link/protocol.ts';
import { agentRestartPolicy } from '../../src/main/restart-policy.ts';
import type { ContainerSpec } from '../../src/model/container.ts';
import { createFakeDriver, type FakeDriver } from './fake-driver.ts';
import { createFakeProber, type FakeProber } from './fake-prober.ts';
import { createMemoryAgentDisk, type MemoryAgentDisk } from './memory-agent-state.ts';
import { createScriptedEvents, type ScriptedEvents } from './scripted-events.ts';
import { createTestEnvironment, type TestEnvironment } from './test-environment.ts';
import { createWire, type Wire } from './wire.ts';

export interface LinkScene {
  readonly environment: TestEnvironment;
  readonly driver: FakeDriver;
  readonly prober: FakeProber;
  readonly disk: MemoryAgentDisk;
  readonly events: ScriptedEvents;
  readonly wire: Wire;
  links: HostLinks;
  agent: Agent;
  /** Lets the agent begin and come online. */
  begin(): Promise<void>;
  /** Ends the agent: what it was doing is neither finished, told nor written. Its state is what was on disk. */
  endAgent(): Promise<void>;
  restartAgent(): Promise<void>;
  /** A new control plane over the same actors. */
  restartControlPlane(): void;
  operate(params: Partial<OperateParams> & { args: OperationArguments }): OperateParams;
  /** Creates and starts `containerId`, and waits for both. */
  run(containerId: string, restartPolicy?: OperateParams['desired']['restartPolicy']): Promise<void>;
}

export const timing: LinkTiming = { heartbeatMs: 500, leaseMs: 5_000, operationsInFlight: 8 };

export const spec: ContainerSpec = {
  name: 'web',
  userId: 'u',
  image: 'busybox:latest',
  imageReference: null,
  registryId: null,
  imageDriver: 'docker',
  stored: null,
  imagePullPolicy: 'ifnotpresent',
  command: null,
  entrypoint: null,
  workdir: null,
  environment: { PASSWORD: 'secret' },
  labels: {},
  hints: {},
  cpu: 0.5,
  memoryMib: 64,
  diskGib: 0,
  pidsLimit: 100,
  interactive: false,
  tty: false,
  hostname: null,
  runtime: null,
  restartPolicy: null,
  autoRemove: false,
  autoHeal: false,
  healthcheck: null,
  availabilityZone: null,
  requestedHost: null,
  networks: [],
  published: [],
  mounts: [],
  files: [],
};

export const args: Readonly<Record<HostEffectName, OperationArguments>> = {
  pullImage: { kind: 'pullImage', image: 'busybox:latest', policy: 'ifnotpresent', credential: null },
  remountContainer: { kind: 'remountContainer', hot: [], leaving: [] },
  makeSandbox: { kind: 'makeSandbox', hostname: null, ports: [], published: [] },
  unplugPort: { kind: 'unplugPort', portId: 'port1' },
  removeSandbox: { kind: 'removeSandbox', portIds: [] },
  ensureNetwork: { kind: 'ensureNetwork', subnet: null },
  removeNetwork: { kind: 'removeNetwork' },
  ensureVolume: { kind: 'ensureVolume', sizeGib: null },
  removeVolume: { kind: 'removeVolume' },
  connectVolume: {
    kind: 'connectVolume',
    cinderId: 'v1',
    names: ['v1'],
    sizeGib: 1,
    readOnly: false,
    isNew: false,
    connection: { driver_volume_type: 'local', device_path: '/dev/loop0' },
  },
  disconnectVolume: { kind: 'disconnectVolume', connection: null },
  commitContainer: { kind: 'commitContainer', containerId: 'c1', generation: 1, image: 'mine:1' },
  storeImage: { kind: 'storeImage', image: 'mine:1', name: 'mine:1', ticket: 'ticket', isLayered: false },
  removeImage: { kind: 'removeImage', image: 'busybox:latest' },
  pauseContainer: { kind: 'pauseContainer' },
  unpauseContainer: { kind: 'unpauseContainer' },
  killContainer: { kind: 'killContainer', signal: 'TERM' },
  updateContainer: { kind: 'updateContainer', limits: { cpu: 1, memoryMib: 64 } },
  createContainer: { kind: 'createContainer', spec, sandboxId: null, run: 0, start: false },
  startContainer: { kind: 'startContainer', run: 1, limits: null },
  stopContainer: { kind: 'stopContainer', graceMs: 1_000 },
  removeContainer: { kind: 'removeContainer' },
};

/** An operation on container `c1` of tenant `p1`, where nothing else is said. */
export const operation = (
  params: Partial<OperateParams> & { args: OperationArguments },
  revision: number,
): OperateParams => ({
  opId: `op-${revision}`,
  subject: 'container',
  containerId: 'c1',
  tenant: 'p1',
  generation: 1,
  epoch: 1,
  revision,
  deadlineMs: 30_000,
  desired: {
    running: params.args.kind === 'startContainer',
    run: 1,
    restarts: 0,
    restartPolicy: { name: 'no', maximumRetryCount: 0 },
  },
  ...params,
});

export async function createLinkScene(
  test: Test,
  options: { readonly joinToken?: string | null; readonly concurrency?: number } = {},
): Promise<LinkScene> {
  const environment = createTestEnvironment();
  const driver = createFakeDriver(environment.now);
  const prober = createFakeProber();
  const disk = createMemoryAgentDisk();
  const events = createScriptedEvents();
  const wire = createWire();
  let revision = 0;

  const newAgent = (): Promise<Agent> =>
    createAgent({
      environment,
      driver,
      prober,
      dialer: wire.dialer,
      state: disk.open(),
      hostname: 'host1',
      version: 'test',
      joinToken: options.joinToken === undefined ? 'join' : options.joinToken,
      decideRestart: agentRestartPolicy,
      labels: { rack: 'r1' },
      concurrency: options.concurrency ?? 4,
    });
  const newLinks = (): HostLinks => createHostLinks({ environment, events, timing });

  const scene: LinkScene = {
    environment,
    driver,
    prober,
    disk,
    events,
    wire,
    links: newLinks(),
    agent: await newAgent(),
    async begin() {
      wire.links = scene.links;
      await scene.agent.start();
      await environment.advance(20);
    },
    async endAgent() {
      await scene.agent.stop();
      await environment.settle();
    },
    async restartAgent() {
      scene.agent = await newAgent();
      await scene.begin();
    },
    restartControlPlane() {
      scene.links.close();
      scene.links = newLinks();
      wire.links = scene.links;
    },
    operate(params) {
      revision += 1;
      const whole = operation({ epoch: events.epoch, ...params }, revision);
      scene.links.operate('host-1', whole);
      return whole;
    },
    async run(containerId, restartPolicy = { name: 'no', maximumRetryCount: 0 }) {
      for (const kind of ['createContainer', 'startContainer'] as const) {
        scene.operate({
          containerId,
          args: args[kind],
          desired: { running: true, run: 1, restarts: 0, restartPolicy },
        });
        await environment.settle();
      }
    },
  };
  events.ended = (hostId, opId) => scene.links.forget(hostId, opId);
  test.teardown(async () => {
    await scene.agent.stop();
    scene.links.close();
  });
  return scene;
}

/** Kinds of what was told, in order: `result op-1`, `runtime.exited c1`. */
export const toldNames = ({ told }: ScriptedEvents): string[] =>
  told.map(({ record }) =>
    record.kind === 'result'
      ? `result ${record.opId}`
      : `${record.fact.type}${'observation' in record.fact ? ` ${record.fact.observation.containerId}` : 'containerId' in record.fact ? ` ${record.fact.containerId}` : ''}`,
  );
