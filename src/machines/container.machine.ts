/**
 * The life of one container, from accepted to deleted.
 *
 * Pure. Effects are named (`src/actors/effects` binds them), run at least once
 * and are answered by operation id. Running is a state without an invoke:
 * exits, health and removal arrive as facts. Delete is answered everywhere.
 */
import { containerServices } from '../model/events.ts';
import type { Chart, Projection } from './chart.ts';
import { acquiring, creating } from './container/acquire.ts';
import {
  paused,
  pausing,
  rebooting,
  rebuilding,
  resizing,
  settling,
  signalling,
  unpausing,
} from './container/change.ts';
import { foundContext, type ContainerContext } from './container/context.ts';
import { error, lost, returned } from './container/lost.ts';
import { found } from './container/found.ts';
import { mending, readying, rewiring } from './container/network.ts';
import { deletedWithCapsule } from './container/permits.ts';
import { joining, placed, placing } from './container/place.ts';
import { deleted, removing } from './container/remove.ts';
import {
  backingOff,
  created,
  exited,
  gone_,
  resuming,
  running,
  starting,
  stopped,
  stopping,
} from './container/run.ts';
import { remounting } from './container/remount.ts';
import { containerSetup } from './container/setup.ts';
import { toVersion3 } from './container/version3.ts';
import { toVersion7 } from './container/version7.ts';
import { metaOf } from './meta.ts';
import { describeContainer } from './container/describe.ts';

export const containerMachine = containerSetup.createMachine({
  id: 'container',
  context: ({ input }) => ({
    id: input.id,
    tenant: input.tenant,
    capsuleId: input.capsuleId,
    generation: input.generation,
    amounts: input.amounts,
    terms: input.terms,
    restartPolicy: input.restartPolicy,
    autoRemove: input.autoRemove,
    imagePullPolicy: input.imagePullPolicy,
    sandbox: input.sandbox,
    networks: input.networks,
    published: input.published,
    askedHostname: input.hostname,
    pool: input.pool,
    deadlines: input.deadlines,
    wanted: input.run ? 'running' : 'created',
    startQueued: false,
    candidates: input.candidates,
    refusedBy: [],
    refusals: [],
    mayChange: false,
    hostId: null,
    hostname: null,
    // A member's quota is its capsule's.
    reservationHeld: input.capsuleId === null,
    claimHeld: false,
    sandboxId: null,
    sandboxSound: false,
    sandboxEngineId: null,
    sandboxesAsked: 0,
    ports: [],
    mounts: input.mounts.map((mount) => ({ ...mount, granted: false })),
    remounting: null,
    containerHeld: false,
    imagePresent: false,
    tries: 0,
    run: 0,
    restarts: 0,
    observation: null,
    failure: null,
    signal: 'KILL',
    killedWith: null,
    rebuilding: false,
    specVersion: 1,
    resize: null,
    reason: null,
    graceMs: 10_000,
    ...(input.found && foundContext(input.found)),
  }),
  entry: ['confirmReservation', 'keepVolumes'],
  on: {
    // Refusals stand at the root, so that they answer only what no state has answered.
    'container.*': { actions: { type: 'refuse', params: { reason: 'It is not possible in this state' } } },
    'container.delete': [
      deletedWithCapsule,
      {
        guard: 'isOnlyIfStopped',
        actions: { type: 'refuse', params: { reason: 'It is not stopped; delete it with stop or force' } },
      },
      { target: '.removing', actions: 'recordGrace' },
    ],
    // Of its capsule: it has been called before, or is not waiting to be.
    'capsule.called': {},
    'capsule.failed': {},
    'capsule.deleted': { target: '.removing', actions: 'recordGrace' },
    // A host that answered too late, or once more, is told that this room is not needed.
    'claim.granted': { actions: 'returnLateClaim' },
    'claim.refused': {},
    'reclaim.granted': [{ guard: 'isResizing', actions: 'recordReclaim' }, { actions: 'returnLateReclaim' }],
    'reclaim.refused': {},
    'container.rename': { actions: 'recordSpec' },
    'sandbox.granted': [
      { guard: 'isFromItsSandbox', actions: 'recordSandbox' },
      { actions: 'returnLateSandbox' },
    ],
    'sandbox.refused': { guard: 'isFromItsSandbox', actions: 'forgetSandbox' },
    'sandbox.broken': { guard: 'isFromItsSandbox', actions: 'recordBreach' },
    'sandbox.changed': { guard: 'isFromItsSandbox', actions: 'recordPorts' },
    'volume.granted': [{ guard: 'isOfItsMounts', actions: 'recordMount' }, { actions: 'returnLateMount' }],
    'volume.refused': {},
    'volume.released': { guard: 'isOfItsMounts', actions: 'forgetVolume' },
    'volume.held': {},
    'host.lost': {},
    'message.undeliverable': {
      guard: 'isCapsuleGone',
      target: '.removing',
      actions: { type: 'say', params: { reason: 'Its capsule is no longer there' } },
    },
    'actor.restored': {},
    // Facts of other runs, hosts or generations change nothing.
    'runtime.created': {},
    'runtime.started': {},
    'runtime.exited': {},
    'runtime.health': {},
    'runtime.found': {},
    // Whatever it waits for, what is no longer there is not held.
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
  },
  initial: 'placing',
  states: {
    placing,
    placed,
    found,
    joining,
    acquiring,
    creating,
    created,
    starting,
    running,
    exited,
    gone: gone_,
    backingOff,
    resuming,
    stopping,
    stopped,
    readying,
    mending,
    rewiring,
    remounting,
    pausing,
    paused,
    unpausing,
    signalling,
    rebooting,
    rebuilding,
    resizing,
    settling,
    removing,
    error,
    lost,
    returned,
    deleted,
  },
});

/** Of a change that leaves it as it is: what its engine said last. */
function observedStatus({ observation }: ContainerContext): string {
  if (observation?.state === 'running') return 'Running';
  if (observation?.state === 'paused') return 'Paused';
  return (observation?.startedAt ?? null) === null ? 'Created' : 'Stopped';
}

function project(paths: readonly string[], context: unknown): Projection {
  const container = context as ContainerContext;
  const { status = observedStatus(container), taskState = null } = metaOf(containerMachine, paths);
  const { reason, wanted, failure, rebuilding: isRebuilding } = container;
  if (isRebuilding && (status === 'Creating' || status === 'Created'))
    return {
      status: 'Rebuilding',
      taskState: 'container_rebuilding',
      reason: reason ?? descriptionOf(paths),
    };
  const asWanted = status === 'Running' || (status === 'Created' && wanted === 'created');
  return {
    status,
    taskState,
    reason: asWanted && failure === null ? reason : (reason ?? descriptionOf(paths)),
  };
}

function descriptionOf(paths: readonly string[]): string {
  return metaOf(containerMachine, paths).description ?? 'It is on its way';
}

export const containerChart: Chart = {
  kind: 'container',
  version: 7,
  machine: containerMachine,
  project,
  describe: describeContainer,
  commands: [
    { type: 'container.start' },
    { type: 'container.stop', graceMs: 10_000 },
    { type: 'container.reboot', graceMs: 10_000 },
    { type: 'container.pause' },
    { type: 'container.unpause' },
    { type: 'container.kill', signal: 'KILL' },
    { type: 'container.rebuild', imagePullPolicy: 'ifnotpresent', graceMs: 10_000 },
    { type: 'container.delete', mode: 'ifStopped', graceMs: 10_000 },
    { type: 'container.delete', mode: 'stop', graceMs: 10_000 },
    { type: 'container.delete', mode: 'force', graceMs: 0 },
  ],
  services: containerServices,
  migrations: {
    // Version 2 remembers a start that was asked for while the host was not heard.
    1: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), startQueued: false },
    }),
    // Version 3: networks, volumes and changes of what is there; what its host decides a claim by.
    2: toVersion3,
    // Version 4 may be a member of a capsule; security groups of ports of Neutron are changed while it lives.
    3: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), capsuleId: null },
    }),
    // Version 5 waits for its volumes of Cinder to be detached; what was there before had none.
    4: (envelope) => envelope,
    // Version 6 is given volumes, and gives them back, while it lives.
    5: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), remounting: null },
    }),
    // Version 7 asks again where an engine did not answer, before a volume counts as refused.
    6: toVersion7,
  },
};
