/**
 * The life of one container, from accepted to deleted.
 *
 * Pure. Effects are named (`src/actors/effects` binds them), run at least once
 * and are answered by operation id. Running is a state without an invoke:
 * exits, health and removal arrive as facts. Delete is answered everywhere.
 */
import type { Chart, Projection } from './chart.ts';
import { acquiring, creating } from './container/acquire.ts';
import type { ContainerContext } from './container/context.ts';
import { error, lost, returned } from './container/lost.ts';
import { placing } from './container/place.ts';
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
import { containerSetup } from './container/setup.ts';
import { metaOf } from './meta.ts';
import { describeContainer } from './container/describe.ts';

export const containerMachine = containerSetup.createMachine({
  id: 'container',
  context: ({ input }) => ({
    id: input.id,
    tenant: input.tenant,
    generation: input.generation,
    amounts: input.amounts,
    terms: input.terms,
    restartPolicy: input.restartPolicy,
    autoRemove: input.autoRemove,
    imagePullPolicy: input.imagePullPolicy,
    sandbox: input.sandbox,
    deadlines: input.deadlines,
    wanted: input.run ? 'running' : 'created',
    candidates: input.candidates,
    refusedBy: [],
    refusals: [],
    mayChange: false,
    hostId: null,
    hostname: null,
    reservationHeld: true,
    claimHeld: false,
    sandboxId: null,
    containerHeld: false,
    imagePresent: false,
    tries: 0,
    run: 0,
    restarts: 0,
    observation: null,
    failure: null,
    reason: null,
    graceMs: 10_000,
  }),
  entry: 'confirmReservation',
  on: {
    // Refusals stand at the root, so that they answer only what no state has answered.
    'container.*': { actions: { type: 'refuse', params: { reason: 'It is not possible in this state' } } },
    'container.delete': [
      {
        guard: 'isOnlyIfStopped',
        actions: { type: 'refuse', params: { reason: 'It is not stopped; delete it with stop or force' } },
      },
      { target: '.removing', actions: 'recordGrace' },
    ],
    // A host that answered too late is told that its room is not needed; so is one that was asked twice, of the second.
    'claim.granted': { actions: 'returnLateClaim' },
    'claim.refused': {},
    'host.lost': {},
    'message.undeliverable': {},
    'actor.restored': {},
    // Facts of other runs, hosts or generations change nothing.
    'runtime.started': {},
    'runtime.exited': {},
    'runtime.health': {},
    'runtime.gone': {},
  },
  initial: 'placing',
  states: {
    placing,
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
    removing,
    error,
    lost,
    returned,
    deleted,
  },
});

function project(paths: readonly string[], context: unknown): Projection {
  const { status = 'Unknown', taskState = null } = metaOf(containerMachine, paths);
  const { reason, wanted, failure } = context as ContainerContext;
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
  version: 2,
  machine: containerMachine,
  project,
  describe: describeContainer,
  commands: [
    { sample: { type: 'container.start' }, roles: ['owner', 'admin'] },
    { sample: { type: 'container.stop', graceMs: 10_000 }, roles: ['owner', 'admin'] },
    { sample: { type: 'container.delete', mode: 'ifStopped', graceMs: 10_000 }, roles: ['owner', 'admin'] },
    { sample: { type: 'container.delete', mode: 'stop', graceMs: 10_000 }, roles: ['owner', 'admin'] },
    { sample: { type: 'container.delete', mode: 'force', graceMs: 0 }, roles: ['admin'] },
  ],
  migrations: {
    // Version 2 carries what its host decides a claim by.
    1: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), terms: { neighbours: 'off', group: null } },
    }),
  },
};
