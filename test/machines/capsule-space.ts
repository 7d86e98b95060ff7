/** The capsule chart as a subject of proof. */
import type { AnyMachineSnapshot } from 'xstate';
import { capsuleChart } from '../../src/machines/capsule.machine.ts';
import type { CapsuleContext } from '../../src/machines/capsule/context.ts';
import type { CapsuleInput, FoundCapsule } from '../../src/model/capsule-events.ts';
import type { MemberState } from '../../src/model/member-events.ts';
import { containerInput, hostId, tenant } from './container-samples.ts';
import type { Holding, ProofEvent, ProofSubject, Step } from './proofs.ts';

export const capsuleInput: CapsuleInput = {
  id: 'pod',
  tenant,
  amounts: { containers: 2, cpuMillis: 500, memoryMib: 128, diskGib: 0 },
  terms: containerInput.terms,
  members: [
    { containerId: 'i1', name: 'setup', isInit: true },
    { containerId: 'c1', name: 'web', isInit: false },
  ],
  networks: [{ networkId: '', isDefault: true, fixedAddress: null }],
  published: [],
  deadlines: containerInput.deadlines,
};

/** Where its host says that it is. */
const there: FoundCapsule = {
  hostId,
  hostname: 'one',
  networks: [{ networkId: 'n1', isDefault: true, fixedAddress: null }],
  sandboxId: 's1',
  sandboxesAsked: 1,
};

/** Between them init containers before others, others beside each other, and a network that was named. */
const inputs: readonly CapsuleInput[] = [
  capsuleInput,
  {
    ...capsuleInput,
    members: [
      { containerId: 'c1', name: 'web', isInit: false },
      { containerId: 'c2', name: 'log', isInit: false },
    ],
    networks: [{ networkId: 'n1', isDefault: false, fixedAddress: null }],
  },
  // The store forgot it.
  { ...capsuleInput, found: there },
];

const contextOf = (snapshot: AnyMachineSnapshot): CapsuleContext => snapshot.context as CapsuleContext;

const memberStates: readonly MemberState[] = [
  'waiting', 'created', 'running', 'paused', 'restarting', 'failed', 'unknown', 'gone',
]; // prettier-ignore

export const became = (
  containerId: string,
  is: MemberState,
  exitCode: number | null = null,
  reason: string | null = null,
): ProofEvent => ({ type: 'member.became', containerId, is, exitCode, reason });

function events(snapshot: AnyMachineSnapshot): readonly ProofEvent[] {
  const context = contextOf(snapshot);
  const from = context.hostId ?? hostId;
  const asked = context.candidates[0]?.hostId ?? hostId;
  const sandboxId = context.sandboxId ?? 's0';
  const bounced = (to: string, type: string): ProofEvent => ({
    type: 'message.undeliverable',
    to,
    gone: true,
    message: { type },
  });
  return [
    { type: 'capsule.delete' },
    { type: 'capsule.juggle' },
    ...context.members.flatMap(({ containerId }) => [
      // What one of them says in full stands for the others.
      ...memberStates
        .filter((is) => containerId === 'c1' || !['created', 'paused', 'restarting'].includes(is))
        .map((is) => became(containerId, is)),
      became(containerId, 'ended', 0),
      became(containerId, 'ended', 1, 'it exited with 1'),
      { type: 'sandbox.claim', containerId, isSuspect: false },
      { type: 'sandbox.claim', containerId, isSuspect: true },
      bounced(`container/${tenant}/${containerId}`, 'capsule.deleted'),
    ]),
    { type: 'claim.granted', hostId: asked, hostname: 'one', generation: 1, sandboxId: null },
    { type: 'claim.granted', hostId: 'late', hostname: 'late', generation: 1, sandboxId: null },
    { type: 'claim.refused', hostId: asked, generation: 1, reason: 'full' },
    { type: 'sandbox.granted', sandboxId, engineId: 'e1', ports: [] },
    { type: 'sandbox.granted', sandboxId: 'another', engineId: 'e2', ports: [] },
    { type: 'sandbox.refused', sandboxId, reason: 'no address', retryable: false },
    { type: 'sandbox.refused', sandboxId, reason: 'it is being removed', retryable: true },
    { type: 'sandbox.refused', sandboxId: 'another', reason: 'no address', retryable: false },
    { type: 'sandbox.broken', sandboxId, reason: 'its process has ended' },
    { type: 'sandbox.changed', sandboxId, ports: [], reason: null },
    bounced(`sandbox/${tenant}/${sandboxId}`, 'sandbox.claim'),
    bounced(`host/${asked}`, 'host.claim'),
    bounced(`tenant/${tenant}`, 'tenant.confirm'),
    { type: 'capsule.found', ...there },
    { type: 'host.lost', hostId: from },
    { type: 'actor.restored' },
  ];
}

const outputs: Readonly<Record<string, readonly unknown[]>> = {
  deadline: [{ at: 0 }],
  rankHosts: [
    { candidates: containerInput.candidates, refusals: [], mayChange: false },
    { candidates: [], refusals: [{ filter: 'memory', hosts: 1, reason: 'none free' }], mayChange: false },
    { candidates: [], refusals: [{ filter: 'link', hosts: 1, reason: 'away' }], mayChange: true },
  ],
};

export const capsuleSubject: ProofSubject = {
  chart: capsuleChart,
  inputs,
  events,
  results: (invokeId, src) => [
    ...outputs[src]!.map((output) => ({ type: `xstate.done.actor.${invokeId}`, output })),
    {
      type: `xstate.error.actor.${invokeId}`,
      error: { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
    },
  ],
  project: (context, [path = '']) => {
    const c = context as CapsuleContext;
    const isPlacing = path.startsWith('placing');
    return [
      c.reservationHeld, c.claimHeld, c.sandboxId !== null, c.sandboxSound, Math.min(c.awaiting.length, 2),
      c.members.map(({ containerId, is, isCalled, exitCode }) => [containerId, is, isCalled, is === 'ended' && exitCode]),
      path.startsWith('found') && c.breach !== null,
      isPlacing && [c.candidates.length, c.mayChange],
    ]; // prettier-ignore
  },
};

const emits =
  (type: string) =>
  (step: Step): boolean =>
    step.emitted.some((each) => each.type === 'message' && each.event.type === type);
const never = (): boolean => false;
const isFound = (first: Step['from']): boolean => contextOf(first.snapshot).claimHeld;

export const capsuleHoldings: readonly Holding[] = [
  {
    resource: 'reservation',
    heldAtFirst: () => true,
    acquired: never,
    released: emits('tenant.release'),
    abandoned: never,
  },
  {
    resource: 'claim',
    heldAtFirst: isFound,
    acquired: ({ from, to }) => !contextOf(from.snapshot).claimHeld && contextOf(to.snapshot).claimHeld,
    // A grant that came too late is given back in the same turn; it was never held.
    released: (step) => step.event.type !== 'claim.granted' && emits('host.release')(step),
    abandoned: never,
  },
  {
    resource: 'sandbox',
    heldAtFirst: (first) => contextOf(first.snapshot).sandboxId !== null,
    acquired: ({ from, to }) =>
      contextOf(to.snapshot).sandboxId !== null && contextOf(from.snapshot).sandboxId === null,
    // One that is not its own is sent away; it was never held.
    released: (step) => step.event.type !== 'sandbox.granted' && emits('sandbox.release')(step),
    abandoned: ({ from, to, event }) =>
      (event.type === 'sandbox.refused' || event.type === 'message.undeliverable') &&
      contextOf(from.snapshot).sandboxId !== contextOf(to.snapshot).sandboxId,
  },
];
