/** The container chart as a subject of proof: its inputs, events and results, and what tells configurations apart. */
import type { AnyMachineSnapshot } from 'xstate';
import { containerChart } from '../../src/machines/container.machine.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { ContainerInput } from '../../src/model/events.ts';
import { containerInput, hostId, observation } from './container-samples.ts';
import type { Holding, ProofEvent, ProofSubject } from './proofs.ts';

const policy = (name: ContainerInput['restartPolicy']['name'], maximumRetryCount = 0) => ({
  name,
  maximumRetryCount,
});

/** Between them every input field that a guard reads takes each of its meanings. */
const inputs: readonly ContainerInput[] = [
  containerInput,
  {
    ...containerInput,
    run: false,
    sandbox: 'own',
    imagePullPolicy: 'always',
    restartPolicy: policy('always'),
  },
  { ...containerInput, candidates: [], restartPolicy: policy('on-failure', 1), autoRemove: true },
  { ...containerInput, imagePullPolicy: 'never', restartPolicy: policy('unless-stopped') },
];

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
  { code: 'IMAGE_NOT_FOUND', message: 'No such image', retryable: false },
  { code: 'CONTAINER_GONE', message: 'No such container', retryable: false },
];

const contextOf = (snapshot: AnyMachineSnapshot): ContainerContext => snapshot.context as ContainerContext;

function events(snapshot: AnyMachineSnapshot): readonly ProofEvent[] {
  const context = contextOf(snapshot);
  const last = context.observation?.startedAt ?? 1_000;
  const from = context.hostId ?? hostId;
  const asked = context.candidates[0]?.hostId ?? hostId;
  const fact = (type: string, seen: Parameters<typeof observation>[0], extra: object = {}): ProofEvent => ({
    type, hostId: from, opId: null, byAgent: false, stoppedOutside: false, observation: observation(seen), ...extra,
  }); // prettier-ignore
  const ended = { state: 'exited', finishedAt: last + 100, startedAt: last } as const;
  return [
    { type: 'container.start' },
    { type: 'container.stop', graceMs: 1_000 },
    { type: 'container.delete', mode: 'ifStopped', graceMs: 0 },
    { type: 'container.delete', mode: 'stop', graceMs: 1_000 },
    { type: 'container.delete', mode: 'force', graceMs: 0 },
    { type: 'container.juggle' },
    { type: 'claim.granted', hostId: asked, hostname: 'one', generation: 1 },
    { type: 'claim.granted', hostId: 'late', hostname: 'late', generation: 1 },
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
    fact('runtime.exited', { ...ended, exitCode: 1 }),
    fact('runtime.exited', { ...ended, exitCode: 0 }),
    fact('runtime.exited', { ...ended, exitCode: 1 }, { stoppedOutside: true }),
    fact('runtime.created', { state: 'created', startedAt: null }),
    fact('runtime.created', { state: 'created', startedAt: null, generation: 0 }),
    fact('runtime.exited', { ...ended, exitCode: 1, generation: 0 }),
    ...(['starting', 'healthy', 'unhealthy'] as const).map((health) =>
      fact('runtime.health', { startedAt: last, health }),
    ),
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
    ensureSandbox: [{ sandboxId: 's' }],
    createContainer: [{ observation: observation({ state: 'created', startedAt: null }) }],
    startContainer: [
      { observation: observation({ startedAt: last + 1 }) },
      { observation: observation({ startedAt: last + 1, health: 'starting' }) },
      {
        observation: observation({ startedAt: last + 1, state: 'exited', finishedAt: last + 2, exitCode: 0 }),
      },
    ],
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

export const containerSubject: ProofSubject = {
  chart: containerChart,
  inputs,
  events,
  results,
  project: (context) => {
    const c = context as ContainerContext;
    return [
      c.restartPolicy.name, c.autoRemove, c.sandbox, c.imagePullPolicy, c.wanted, c.startQueued, c.candidates.length, c.mayChange, c.hostId !== null,
      c.reservationHeld, c.claimHeld, c.sandboxId !== null, c.containerHeld, c.imagePresent, Math.min(c.restarts, 1),
      c.observation && [c.observation.state, c.observation.health, c.observation.startedAt !== null, c.observation.exitCode],
    ]; // prettier-ignore
  },
};

const emits = (type: string) => (step: Parameters<Holding['released']>[0]) =>
  step.emitted.some(
    (each) => each.type === 'message' && each.event.type === type && !each.to.endsWith('/late'),
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

export const containerHoldings: readonly Holding[] = [
  {
    resource: 'reservation',
    heldAtFirst: true,
    acquired: never,
    released: emits('tenant.release'),
    abandoned: never,
  },
  {
    resource: 'claim',
    acquired: ({ from, to, event }) =>
      event.type === 'claim.granted' &&
      !contextOf(from.snapshot).claimHeld &&
      contextOf(to.snapshot).claimHeld,
    // A grant that came too late is given back in the same turn; it was never held.
    released: (step) => step.event.type !== 'claim.granted' && emits('host.release')(step),
    abandoned: never,
  },
  {
    resource: 'sandbox',
    acquired: starts('ensureSandbox'),
    released: finished('removeSandbox'),
    abandoned: leftToItsHost,
  },
  {
    resource: 'container',
    acquired: starts('createContainer'),
    released: finished('removeContainer', 'stuck.removeContainer'),
    abandoned: (step) =>
      leftToItsHost(step) ||
      (step.event.type === 'runtime.gone' && !contextOf(step.to.snapshot).containerHeld),
  },
];
