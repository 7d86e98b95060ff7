/**
 * Placing, of whatever is placed: the scheduler ranks, the host actors decide,
 * one after the other. What a chart remembers of it, asks and answers.
 */
import type { EventObject } from 'xstate';
import { hostAddress } from '../model/address.ts';
import type { Candidate, EffectResults, Refusal } from '../model/events.ts';
import { defaultNetworkId, type NetworkRequest } from '../model/network.ts';

export interface Placing {
  /** Hosts worth asking, best first; the first is the one being asked. */
  readonly candidates: readonly Candidate[];
  /** Hosts that refused the claim or did not answer it. */
  readonly refusedBy: readonly string[];
  readonly refusals: readonly Refusal[];
  /** No host takes it now, and one may soon. */
  readonly mayChange: boolean;
  readonly hostId: string | null;
  readonly hostname: string | null;
}

interface Looked {
  readonly context: Placing;
}

interface Heard extends Looked {
  readonly event: EventObject;
}

const askedHost = ({ candidates }: Placing): string => candidates[0]?.hostId ?? '';

export const placingGuards = {
  isOnHost: ({ context }: Looked) => context.hostId !== null,
  hasCandidate: ({ context }: Looked) => context.candidates.length > 0,
  hasAnotherCandidate: ({ context }: Looked) => context.candidates.length > 1,
  isWorthWaiting: ({ context }: Looked) => context.mayChange,
  isFromAskedHost: ({ context, event }: Heard) =>
    'hostId' in event && event['hostId'] === context.candidates[0]?.hostId,
  isClaimBounced: ({ context, event }: Heard) => {
    if (event.type !== 'message.undeliverable') return false;
    const { message, to } = event as unknown as { readonly message: EventObject; readonly to: string };
    return message.type === 'host.claim' && to === hostAddress(askedHost(context));
  },
} as const;

/** Nobody is asked, and nobody has refused it. */
export const notPlacing = { candidates: [], refusals: [], refusedBy: [] } as const;

export const ranked = (context: Placing, event: EventObject) => {
  const { candidates, refusals, mayChange } = (event as unknown as { output: EffectResults['rankHosts'] })
    .output;
  return { candidates, mayChange, refusals: [...context.refusals, ...refusals] };
};

export const refused = (context: Placing, reason: string) => ({
  refusals: [
    ...context.refusals,
    { filter: 'claim', hosts: 1, reason: `"${context.candidates[0]?.hostname ?? ''}": ${reason}` },
  ],
});

export const withoutFirst = (context: Placing) => ({
  candidates: context.candidates.slice(1),
  refusedBy: [...context.refusedBy, askedHost(context)],
});

export const refusalsInWords = ({ refusals }: Placing): string =>
  `There are not enough hosts available. ${refusals.map(({ filter, hosts, reason }) => `${filter} (${hosts}): ${reason}`).join('; ')}`;

/** With what the project's own network is called on this host. */
export const networksOn = (
  hostId: string,
  { tenant, networks }: { readonly tenant: string; readonly networks: readonly NetworkRequest[] },
): readonly NetworkRequest[] =>
  networks.map((request) =>
    request.isDefault ? { ...request, networkId: defaultNetworkId(tenant, hostId) } : request,
  );

/** Between looks for a host while one is away. */
const awayPauseMs = 1_000;

interface Identified {
  readonly context: {
    readonly id: string;
    readonly tenant: string;
    readonly deadlines: { readonly placingMs: number; readonly claimMs: number };
  };
}

/** @param failed where it goes when no host takes it */
export const placingDeadline = <F extends string>(failed: F) =>
  ({
    id: 'placing.deadline',
    src: 'deadline',
    input: ({ context }: Identified) => ({ ms: context.deadlines.placingMs }),
    onDone: { target: failed, actions: { type: 'say', params: { reason: 'No host took it in time' } } },
    onError: failed,
  }) as const;

/**
 * The states of it, of which `choosing` is the first.
 * @param placed where it goes on, on its host
 * @param failed where it goes when no host takes it
 */
export const placingStates = <P extends string, F extends string>(placed: P, failed: F) =>
  ({
    choosing: {
      description: 'The scheduler ranks the hosts.',
      tags: 'transient',
      invoke: {
        id: 'rankHosts',
        src: 'rankHosts',
        input: ({ context }: Identified) => ({ containerId: context.id, tenant: context.tenant }),
        onDone: { target: 'ranked', actions: 'recordRanking' },
        onError: { target: failed, actions: 'recordFailure' },
      },
    },
    ranked: {
      tags: 'transient',
      always: [
        { guard: 'hasCandidate', target: 'claiming' },
        { guard: 'isWorthWaiting', target: 'waiting', actions: 'explainRefusals' },
        { target: failed, actions: 'explainRefusals' },
      ],
    },
    waiting: {
      description: 'No host takes it now; one that is only away for the moment is waited for.',
      tags: 'transient',
      exit: 'forgetRefusals',
      invoke: {
        id: 'placing.backoff',
        src: 'deadline',
        input: { ms: awayPauseMs },
        onDone: 'choosing',
        onError: 'choosing',
      },
    },
    claiming: {
      description: 'The best host is asked for room.',
      tags: 'transient',
      meta: { acquires: 'claim' },
      entry: 'claimHost',
      invoke: {
        id: 'claim.deadline',
        src: 'deadline',
        input: ({ context }: Identified) => ({ ms: context.deadlines.claimMs }),
        onDone: {
          target: 'refused',
          actions: { type: 'recordRefusal', params: { reason: 'it did not answer in time' } },
        },
        onError: 'refused',
      },
      on: {
        'claim.granted': { guard: 'isFromAskedHost', target: placed, actions: 'recordClaim' },
        'claim.refused': {
          guard: 'isFromAskedHost',
          target: 'refused',
          actions: {
            type: 'recordRefusal',
            params: ({ event }: { readonly event: { readonly reason: string } }) => ({
              reason: event.reason,
            }),
          },
        },
        'message.undeliverable': {
          guard: 'isClaimBounced',
          target: 'refused',
          actions: { type: 'recordRefusal', params: { reason: 'it is no longer known' } },
        },
      },
    },
    refused: {
      tags: 'transient',
      always: [
        { guard: 'hasAnotherCandidate', target: 'claiming', actions: 'dropCandidate', reenter: true },
        { target: 'choosing', actions: 'dropCandidate' },
      ],
    },
  }) as const;
