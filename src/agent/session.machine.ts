/** Where the agent stands with the control plane: the one place that says when to dial, and how long to wait. */
import { assign, fromPromise, setup } from 'xstate';

export interface SessionContext {
  /** Dials since the last connection that held. */
  readonly failures: number;
  readonly enrolled: boolean;
  readonly reason: string | null;
}

/** A connection that held this long resets the back-off. */
export const heldMs = 5_000;
const firstMs = 100;
const longestMs = 10_000;

/** Milliseconds before the next dial: doubles from 100 ms to 10 s, with ±50 % of jitter so that agents don't return in step. */
export const dialBackoffMs = (failures: number, random: number): number =>
  Math.min(firstMs * 2 ** Math.min(Math.max(0, failures - 1), 10), longestMs) * (0.5 + random);

const unbound = (name: string) =>
  fromPromise<unknown>(() => Promise.reject(new Error(`"${name}" is not bound`)));

export const sessionMachine = setup({
  types: {
    input: {} as { readonly enrolled: boolean },
    context: {} as SessionContext,
    events: {} as
      | { readonly type: 'link.closed'; readonly reason: string; readonly held: boolean }
      | { readonly type: 'agent.stop' },
    tags: {} as 'transient' | 'settled',
  },
  actors: { dial: unbound('dial'), enrol: unbound('enrol'), sync: unbound('sync'), pause: unbound('pause') },
  guards: {
    isEnrolled: ({ context }) => context.enrolled,
    isFatal: ({ event }) =>
      (event as unknown as { error?: { details?: { fatal?: boolean } } }).error?.details?.fatal === true,
  },
  actions: {
    countFailure: assign({
      failures: ({ context }) => context.failures + 1,
      reason: ({ event }) =>
        String((event as unknown as { error?: { message?: unknown } }).error?.message ?? 'the link failed'),
    }),
    recordClose: assign({
      failures: ({ context, event }) =>
        event.type === 'link.closed' && event.held ? 1 : context.failures + 1,
      reason: ({ event }) => (event.type === 'link.closed' ? event.reason : null),
    }),
    recordEnrolment: assign({ enrolled: true }),
    recordOnline: assign({ reason: null }),
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({ failures: 0, enrolled: input.enrolled, reason: null }),
  initial: 'connecting',
  on: { 'agent.stop': '.stopped' },
  states: {
    connecting: {
      tags: 'transient',
      on: { 'link.closed': { target: 'backoff', actions: 'recordClose' } },
      invoke: {
        id: 'dial',
        src: 'dial',
        onDone: [{ guard: 'isEnrolled', target: 'syncing' }, { target: 'enrolling' }],
        onError: { target: 'backoff', actions: 'countFailure' },
      },
    },
    enrolling: {
      tags: 'transient',
      on: { 'link.closed': { target: 'backoff', actions: 'recordClose' } },
      invoke: {
        id: 'enrol',
        src: 'enrol',
        onDone: { target: 'syncing', actions: 'recordEnrolment' },
        onError: [
          { guard: 'isFatal', target: 'refused', actions: 'countFailure' },
          { target: 'backoff', actions: 'countFailure' },
        ],
      },
    },
    syncing: {
      tags: 'transient',
      on: { 'link.closed': { target: 'backoff', actions: 'recordClose' } },
      invoke: {
        id: 'sync',
        src: 'sync',
        onDone: { target: 'online', actions: 'recordOnline' },
        onError: [
          { guard: 'isFatal', target: 'refused', actions: 'countFailure' },
          { target: 'backoff', actions: 'countFailure' },
        ],
      },
    },
    online: { tags: 'settled', on: { 'link.closed': { target: 'backoff', actions: 'recordClose' } } },
    backoff: {
      tags: 'transient',
      invoke: { id: 'pause', src: 'pause', onDone: 'connecting', onError: 'connecting' },
    },
    /** Dialling again can't help until somebody acts; containers run on. */
    refused: { tags: 'settled' },
    stopped: { type: 'final', tags: 'settled' },
  },
});
