/** The container chart as a subject of proof: its inputs, events and results, and what tells configurations apart. */
import type { AnyMachineSnapshot } from 'xstate';
import { containerChart } from '../../src/machines/container.machine.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { Amounts } from '../../src/model/container.ts';
import type { ContainerInput } from '../../src/model/events.ts';
import type { Port } from '../../src/model/network.ts';
import { containerInput, hostId, observation } from './container-samples.ts';
import type { Holding, ProofEvent, ProofSubject, Step } from './proofs.ts';

const policy = (name: ContainerInput['restartPolicy']['name'], maximumRetryCount = 0) => ({
  name,
  maximumRetryCount,
});

/** A member of a capsule. */
export const memberInput: ContainerInput = {
  ...containerInput,
  capsuleId: 'pod',
  sandbox: 'own',
  candidates: [],
  restartPolicy: policy('on-failure', 1),
  mounts: [{ volumeId: 'v1', made: { sizeGib: 1, isKept: true } }],
};
/** The store forgot it. */
const foundInput = {
  ...containerInput,
  sandbox: 'own',
  candidates: [],
  mounts: [{ volumeId: 'v1', made: { sizeGib: 1 } }],
  found: {
    hostId,
    hostname: 'one',
    observation: observation(),
    wanted: 'running',
    rebuilding: false,
    stopAsked: true,
    run: 1,
    restarts: 0,
    networks: [{ networkId: 'n1', isDefault: false, fixedAddress: null }],
    sandbox: 'own',
    sandboxId: 's1',
    sandboxesAsked: 1,
    specVersion: 1,
  },
} as const satisfies ContainerInput;

/** Between them every input field that a guard reads takes each of its meanings. */
const inputs: readonly ContainerInput[] = [
  containerInput,
  {
    ...containerInput,
    run: false,
    sandbox: 'auto',
    networks: [{ networkId: '', isDefault: true, fixedAddress: null }],
    pool: { ceiling: 8, windowMs: 30_000 },
    restartPolicy: policy('always'),
    mounts: [
      {
        volumeId: 'v1',
        made: { sizeGib: 1, cinder: { volumeId: 'of-cinder', isTemporary: true, readOnly: false } },
      },
    ],
  },
  {
    ...containerInput,
    sandbox: 'own',
    networks: [
      {
        networkId: 'n1',
        isDefault: false,
        fixedAddress: '10.64.0.9',
        neutron: { portId: null, fixedAddress6: null, securityGroups: ['g1'] },
      },
    ],
    hostname: 'db',
    mounts: [{ volumeId: 'v1', made: { sizeGib: 1 } }],
  },
  {
    ...containerInput,
    candidates: [],
    restartPolicy: policy('on-failure', 1),
    autoRemove: true,
    imagePullPolicy: 'always',
  },
  { ...containerInput, imagePullPolicy: 'never', restartPolicy: policy('unless-stopped') },
  foundInput,
  { ...foundInput, found: { ...foundInput.found, wanted: 'deleted' } },
  { ...foundInput, found: { ...foundInput.found, rebuilding: true } },
  memberInput,
  { ...memberInput, found: foundInput.found },
];

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
  { code: 'IMAGE_NOT_FOUND', message: 'No such image', retryable: false },
  { code: 'CONTAINER_GONE', message: 'No such container', retryable: false },
  { code: 'SANDBOX_GONE', message: 'No such namespace', retryable: true },
];

const more = { containers: 0, cpuMillis: 0, memoryMib: 128, diskGib: 0 };

/** One for each network it is on. @param securityGroups of those of Neutron */
const ports = ({ networks }: ContainerContext, securityGroups: readonly string[] = ['g1']): readonly Port[] =>
  networks.map(({ networkId, neutron }, index) => ({
    portId: `s.${index}`,
    network: { networkId, subnet: '10.64.0.0/24', gateway: '10.64.0.1', mtu: 1500 },
    mac: '02:00:00:00:00:01',
    address: '10.64.0.9',
    interfaceName: `eth${index}`,
    ...(neutron && {
      neutron: { addresses: [], gateways: [], routes: [], nameservers: [], securityGroups, isUsers: false },
    }),
  }));

const ofCinder = { sizeGib: 1, cinder: { volumeId: 'of-cinder', isTemporary: false, readOnly: false } };

/** Those that it may be given while it lives: by one input, which stands for all; a member is refused them. */
const hotVolumes = ({ capsuleId, imagePullPolicy }: ContainerContext): readonly string[] =>
  capsuleId !== null || imagePullPolicy === 'never' ? ['v2'] : [];

const contextOf = (snapshot: AnyMachineSnapshot): ContainerContext => snapshot.context as ContainerContext;

/** They lead to states that know nothing of what was attached, and would only double them. */
const besideHot: ReadonlySet<string> = new Set([
  'container.resize',
  'container.rebuild',
  'container.pause',
  'container.kill',
]);

const events = (snapshot: AnyMachineSnapshot): readonly ProofEvent[] =>
  hot(contextOf(snapshot)).length > 0
    ? allEvents(snapshot).filter(({ type }) => !besideHot.has(type))
    : allEvents(snapshot);

function allEvents(snapshot: AnyMachineSnapshot): readonly ProofEvent[] {
  const context = contextOf(snapshot);
  const last = context.observation?.startedAt ?? 1_000;
  const from = context.hostId ?? hostId;
  const asked = context.candidates[0]?.hostId ?? hostId;
  const sandboxId = context.sandboxId ?? 's0';
  const fact = (type: string, seen: Parameters<typeof observation>[0], extra: object = {}): ProofEvent => ({
    type, hostId: from, opId: null, byAgent: false, stoppedOutside: false, observation: observation(seen), ...extra,
  }); // prettier-ignore
  const ended = { state: 'exited', finishedAt: last + 100, startedAt: last } as const;
  const found = (wanted: string, seen: Parameters<typeof observation>[0]): ProofEvent => ({
    type: 'runtime.found', hostId: from, hostname: 'one', observation: observation(seen), wanted, stopAsked: false, run: 1,
    restarts: 0, networks: context.networks, sandbox: context.sandbox === 'auto' ? 'own' : context.sandbox,
    sandboxId: context.sandbox === 'engine' ? null : 's1', sandboxesAsked: 1, specVersion: 1,
  }); // prettier-ignore
  return [
    { type: 'container.start' },
    { type: 'container.stop', graceMs: 1_000 },
    { type: 'container.delete', mode: 'ifStopped', graceMs: 0 },
    { type: 'container.delete', mode: 'stop', graceMs: 1_000 },
    { type: 'container.delete', mode: 'force', graceMs: 0 },
    { type: 'container.juggle' },
    { type: 'container.reboot', graceMs: 1_000 },
    { type: 'container.pause' },
    { type: 'container.unpause' },
    { type: 'container.kill', signal: 'TERM' },
    { type: 'container.kill', signal: 'HUP' },
    { type: 'container.rebuild', imagePullPolicy: 'ifnotpresent', graceMs: 1_000 },
    { type: 'container.resize', amounts: { ...containerInput.amounts, memoryMib: 64 } },
    { type: 'container.resize', amounts: { ...containerInput.amounts, memoryMib: 256 } },
    { type: 'container.rename' },
    ...['n1', 'n2'].map((networkId) => ({
      type: 'container.attachNetwork',
      request: { networkId, isDefault: false, fixedAddress: null },
    })),
    { type: 'container.detachNetwork', networkId: context.networks[0]?.networkId ?? 'n1' },
    { type: 'container.detachNetwork', networkId: 'n3' },
    ...hotVolumes(context).map((volumeId) => ({
      type: 'container.attachVolume',
      mount: { volumeId, made: ofCinder, destination: '/data', readOnly: false },
    })),
    ...['v1', 'v2'].map((volumeId) => ({ type: 'container.detachVolume', volumeId })),
    { type: 'container.addSecurityGroup', groupId: 'g1' },
    { type: 'container.removeSecurityGroup', groupId: 'g1' },
    // The others stand beside these in every state that has them.
    { type: 'container.execute' },
    { type: 'container.logs' },
    { type: 'container.commit', commitId: 'k1', imageId: 'i1', repository: 'mine', tag: 'v1' },
    { type: 'claim.granted', hostId: asked, hostname: 'one', generation: 1, sandboxId: null },
    { type: 'claim.granted', hostId: asked, hostname: 'one', generation: 1, sandboxId: 'warm' },
    { type: 'claim.granted', hostId: 'late', hostname: 'late', generation: 1, sandboxId: null },
    { type: 'reclaim.granted', hostId: from, generation: 2, amounts: more },
    { type: 'reclaim.refused', hostId: from, generation: 2, reason: 'full' },
    { type: 'sandbox.granted', sandboxId, engineId: 'e1', ports: ports(context) },
    { type: 'sandbox.granted', sandboxId, engineId: 'e2', ports: ports(context) },
    { type: 'sandbox.granted', sandboxId: 'another', engineId: 'e1', ports: [] },
    { type: 'sandbox.refused', sandboxId, reason: 'no address', retryable: false },
    { type: 'sandbox.refused', sandboxId, reason: 'it is being removed', retryable: true },
    { type: 'sandbox.refused', sandboxId: 'another', reason: 'no address', retryable: false },
    { type: 'sandbox.broken', sandboxId, reason: 'its process has ended' },
    { type: 'sandbox.changed', sandboxId, ports: ports(context), reason: null },
    { type: 'capsule.called', hostId, hostname: 'one', sandboxId, engineId: 'e1', ports: [] },
    { type: 'capsule.failed', reason: 'its init container failed' },
    { type: 'capsule.deleted', graceMs: 1_000 },
    { type: 'sandbox.granted', sandboxId, engineId: 'e3', ports: ports(context), isRemade: true },
    { type: 'message.undeliverable', to: 'capsule/p1/pod', gone: true, message: { type: 'member.became' } },
    ...(snapshot.matches('rewiring')
      ? [{ type: 'sandbox.changed', sandboxId, ports: ports(context, []), reason: null }]
      : []),
    { type: 'volume.granted', volumeId: 'v1' },
    { type: 'volume.granted', volumeId: 'v9' },
    { type: 'volume.refused', volumeId: 'v1', reason: 'full' },
    { type: 'volume.held', volumeId: 'v1', reason: 'a process works in it' },
    ...hotVolumes(context).flatMap((volumeId) => [
      { type: 'volume.granted', volumeId },
      { type: 'volume.refused', volumeId, reason: 'full' },
      {
        type: 'message.undeliverable',
        to: `volume/p1/${volumeId}`,
        gone: true,
        message: { type: 'volume.attach' },
      },
    ]),
    ...['v1', 'v2', 'v9'].map((volumeId) => ({ type: 'volume.released', volumeId })),
    ...['v1', 'v2', 'v9'].map((volumeId) => ({
      type: 'message.undeliverable',
      to: `volume/p1/${volumeId}`,
      gone: true,
      message: { type: 'volume.detach' },
    })),
    {
      type: 'message.undeliverable',
      to: `sandbox/p1/${sandboxId}`,
      gone: true,
      message: { type: 'sandbox.claim' },
    },
    { type: 'message.undeliverable', to: 'volume/p1/v1', gone: true, message: { type: 'volume.attach' } },
    {
      type: 'message.undeliverable',
      to: `host/${from}`,
      gone: true,
      message: { type: 'host.reclaim', generation: 2 },
    },
    { type: 'claim.refused', hostId: asked, generation: 1, reason: 'full' },
    { type: 'host.lost', hostId: from },
    { type: 'host.lost', hostId: 'other' },
    { type: 'message.undeliverable', to: `host/${asked}`, gone: true, message: { type: 'host.claim' } },
    { type: 'message.undeliverable', to: 'tenant/p1', gone: true, message: { type: 'tenant.confirm' } },
    { type: 'actor.restored' },
    fact('runtime.started', { startedAt: last }),
    fact('runtime.started', { startedAt: last + 1 }),
    fact('runtime.started', { startedAt: last + 1 }, { byAgent: true }),
    fact('runtime.started', { startedAt: last - 1 }),
    fact('runtime.started', { startedAt: last, state: 'paused' }),
    fact('runtime.exited', { ...ended, exitCode: 1 }),
    fact('runtime.exited', { ...ended, exitCode: 0 }),
    fact('runtime.exited', { ...ended, exitCode: 1 }, { stoppedOutside: true }),
    fact('runtime.created', { state: 'created', startedAt: null }),
    fact('runtime.created', { state: 'created', startedAt: null, generation: 0 }),
    fact('runtime.exited', { ...ended, exitCode: 1, generation: 0 }),
    ...(['starting', 'healthy', 'unhealthy'] as const).map((health) =>
      fact('runtime.health', { startedAt: last, health }),
    ),
    found('running', { startedAt: last }),
    found('running', { startedAt: last, state: 'paused' }),
    found('running', { state: 'created', startedAt: null }),
    found('created', { state: 'created', startedAt: null }),
    found('running', { ...ended, exitCode: 1 }),
    found('stopped', { ...ended, exitCode: 1 }),
    found('running', { startedAt: last, generation: 2 }),
    { type: 'runtime.gone', hostId: from, generation: 1, opId: null },
    { type: 'runtime.gone', hostId: 'other', generation: 1, opId: null },
  ];
}

function results(invokeId: string, src: string, snapshot: AnyMachineSnapshot): readonly ProofEvent[] {
  const last = contextOf(snapshot).observation?.startedAt ?? 1_000;
  const outputs: Record<string, readonly unknown[]> = {
    deadline: [{ at: 0 }],
    rankHosts: [
      { candidates: containerInput.candidates, refusals: [], mayChange: false },
      { candidates: [], refusals: [{ filter: 'memory', hosts: 1, reason: 'none free' }], mayChange: false },
      { candidates: [], refusals: [{ filter: 'link', hosts: 1, reason: 'away' }], mayChange: true },
    ],
    pullImage: [{ imageId: 'i' }],
    createContainer: [
      { observation: observation({ state: 'created', startedAt: null }) },
      { observation: observation({ startedAt: last + 1 }) },
      {
        observation: observation({ startedAt: last + 1, state: 'exited', finishedAt: last + 2, exitCode: 0 }),
      },
    ],
    startContainer: [
      { observation: observation({ startedAt: last + 1 }) },
      { observation: observation({ startedAt: last + 1, health: 'starting' }) },
      {
        observation: observation({ startedAt: last + 1, state: 'exited', finishedAt: last + 2, exitCode: 0 }),
      },
    ],
    pauseContainer: [{ observation: observation({ startedAt: last, state: 'paused' }) }],
    unpauseContainer: [{ observation: observation({ startedAt: last }) }],
    stopContainer: [
      { observation: observation({ startedAt: last, state: 'exited', finishedAt: last + 2, exitCode: 0 }) },
      { observation: null },
    ],
  };
  return [
    ...(outputs[src] ?? [null]).map((output) => ({ type: `xstate.done.actor.${invokeId}`, output })),
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ];
}

/** What was attached while it lived. */
const hot = ({ mounts }: ContainerContext) =>
  mounts.flatMap(({ hot: place, granted, leaving }) => (place ? [leaving ?? granted] : []));

export const containerSubject: ProofSubject = {
  chart: containerChart,
  inputs,
  events,
  results,
  project: (context, [path = '']) => {
    const c = context as ContainerContext;
    const held = [c.reservationHeld, c.claimHeld, c.sandboxId !== null, c.containerHeld];
    const seen = c.observation && [c.observation.state, c.observation.startedAt !== null];
    const [top = ''] = path.split('.');
    const within = (...tops: readonly string[]): boolean => tops.includes(top);
    // On the way out, what it was and would have been decides nothing any more.
    if (within('removing', 'deleted'))
      return [
        held,
        c.capsuleId,
        c.hostId !== null,
        c.mounts.map(({ made }) => made?.cinder !== undefined),
        seen,
        c.resize?.granted,
      ];
    const isOnItsWay = within('placing', 'acquiring', 'creating', 'error');
    return [
      // What the input says; it never changes.
      hot(c), c.capsuleId, c.restartPolicy.name, c.autoRemove, c.sandbox, c.imagePullPolicy, c.networks.length,
      held, c.wanted, c.imagePresent, c.sandboxSound,
      isOnItsWay && [c.candidates.length, c.mayChange, c.hostId !== null, c.mounts.map(({ granted }) => granted), c.rebuilding],
      !within('acquiring', 'creating') && seen,
      c.restartPolicy.name === 'on-failure' && Math.min(c.restarts, 1),
      top === 'running' && c.observation?.health,
      top === 'running' && c.ports[0]?.neutron?.securityGroups.length === 0,
      // An exit is answered in its own turn, but while it is being changed.
      within('resizing', 'rewiring', 'remounting') && c.observation?.exitCode,
      top === 'remounting' && c.remounting,
      within('running', 'signalling', 'pausing', 'paused') && c.killedWith !== null,
      top === 'resizing' && c.resize?.granted, top === 'lost' && c.startQueued,
    ]; // prettier-ignore
  },
};

const emits = (type: string) => (step: Parameters<Holding['released']>[0]) =>
  step.emitted.some(
    (each) =>
      each.type === 'message' &&
      each.event.type === type &&
      !each.to.endsWith('/late') &&
      // What a resize gives back is no whole container.
      (each.event['amounts'] as Amounts | undefined)?.containers !== 0,
  );
const starts = (invokeId: string) => (step: Parameters<Holding['acquired']>[0]) =>
  step.to.invokes.has(invokeId);
const finished =
  (...invokeIds: readonly string[]) =>
  (step: Parameters<Holding['released']>[0]) =>
    invokeIds.some((id) => step.event.type === `xstate.done.actor.${id}`);
/** Deleted while its host is lost: the host removes what is left when it returns, by the tombstone. */
const leftToItsHost = (step: Parameters<Holding['abandoned']>[0]): boolean =>
  step.to.snapshot.status === 'done' && (step.event.type === 'host.lost' || step.from.paths.includes('lost'));
const never = (): boolean => false;
const isFound = (first: Step['from']): boolean => contextOf(first.snapshot).containerHeld;
/** Place and sandbox of a member are its capsule's. */
const isFoundAlone = (first: Step['from']): boolean =>
  isFound(first) && contextOf(first.snapshot).capsuleId === null;
/** What a member lives on is its capsule's. */
const isItsCapsules = (step: Parameters<Holding['abandoned']>[0]): boolean =>
  contextOf(step.from.snapshot).capsuleId !== null;

export const containerHoldings: readonly Holding[] = [
  {
    resource: 'reservation',
    heldAtFirst: () => true,
    acquired: never,
    released: emits('tenant.release'),
    abandoned: isItsCapsules,
  },
  {
    resource: 'claim',
    heldAtFirst: isFoundAlone,
    acquired: ({ from, to, event }) =>
      (event.type === 'claim.granted' || event.type === 'runtime.found') &&
      !contextOf(from.snapshot).claimHeld &&
      contextOf(to.snapshot).claimHeld,
    // A grant that came too late is given back in the same turn; it was never held.
    released: (step) => step.event.type !== 'claim.granted' && emits('host.release')(step),
    abandoned: never,
  },
  {
    resource: 'sandbox',
    heldAtFirst: isFoundAlone,
    acquired: ({ from, to }) =>
      contextOf(to.snapshot).sandboxId !== null &&
      contextOf(from.snapshot).sandboxId === null &&
      contextOf(to.snapshot).capsuleId === null,
    released: emits('sandbox.release'),
    // Its sandbox said that there is none, or that it goes by itself.
    abandoned: ({ from, to, event }) =>
      (event.type === 'sandbox.refused' || event.type === 'message.undeliverable') &&
      contextOf(from.snapshot).sandboxId !== contextOf(to.snapshot).sandboxId,
  },
  {
    resource: 'container',
    heldAtFirst: isFound,
    acquired: (step) =>
      starts('createContainer')(step) ||
      (step.event.type === 'runtime.found' && contextOf(step.to.snapshot).containerHeld),
    released: finished('removeContainer', 'stuck.removeContainer', 'rebuildRemove'),
    abandoned: (step) =>
      leftToItsHost(step) ||
      (step.event.type === 'runtime.gone' && !contextOf(step.to.snapshot).containerHeld),
  },
];
