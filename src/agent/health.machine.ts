/**
 * The health of one run of a container: when it is probed, and how many
 * answers in a row change what is said of it. Kept by the agent beside the
 * container, and given up with the run.
 */
import { assign, fromPromise, raise, setup, type SnapshotFrom } from 'xstate';
import type { Health, HealthTiming } from '../model/health.ts';

export interface HealthInput {
  readonly timing: HealthTiming;
  /** What was said of this run before, as by an agent that was restarted meanwhile; else `starting`. */
  readonly before: Exclude<Health, 'none'>;
  /** Of the start period. */
  readonly startPeriodLeftMs: number;
  readonly paused: boolean;
}

export interface HealthContext extends HealthInput {
  /** In a row. */
  readonly passes: number;
  readonly failures: number;
  /** Why the last probe failed; null when it passed. */
  readonly reason: string | null;
}

/** What a probe found. */
export interface Finding {
  readonly passed: boolean;
  readonly reason: string | null;
}

export type HealthEvent =
  | { readonly type: 'run.paused' }
  | { readonly type: 'run.unpaused' }
  | { readonly type: 'run.ended' }
  | { readonly type: 'probe.passed' }
  | { readonly type: 'probe.failed' }
  | { readonly type: 'failure.counted' };

const unbound = <TOutput, TInput>(name: string) =>
  fromPromise<TOutput, TInput>(() => Promise.reject(new Error(`"${name}" is not bound`)));

export type HealthSnapshot = SnapshotFrom<typeof healthMachine>;

/** What is said of the run now. */
export function verdictOf(snapshot: HealthSnapshot): Exclude<Health, 'none'> {
  if (snapshot.matches({ followed: { verdict: 'healthy' } })) return 'healthy';
  return snapshot.matches({ followed: { verdict: 'unhealthy' } }) ? 'unhealthy' : 'starting';
}

export const healthMachine = setup({
  types: {
    input: {} as HealthInput,
    context: {} as HealthContext,
    events: {} as HealthEvent,
    tags: {} as 'transient' | 'settled',
  },
  actors: {
    deadline: unbound<unknown, { readonly ms: number }>('deadline'),
    probe: unbound<Finding, Record<string, never>>('probe'),
  },
  guards: {
    wasHealthy: ({ context }) => context.before === 'healthy',
    wasUnhealthy: ({ context }) => context.before === 'unhealthy',
    isPaused: ({ context }) => context.paused,
    isStarted: ({ context }) => context.startPeriodLeftMs === 0 || context.before !== 'starting',
    hasPassed: ({ event }) => (event as unknown as { output?: Finding }).output?.passed === true,
    hasPassedEnough: ({ context }) => context.passes >= context.timing.passesLeast,
    hasFailedTooOften: ({ context }) => context.failures >= context.timing.failuresMost,
  },
  actions: {
    countPass: assign({
      passes: ({ context }) => Math.min(context.passes + 1, context.timing.passesLeast),
      failures: 0,
      reason: null,
    }),
    recordFailure: assign({
      passes: 0,
      reason: ({ event }) => {
        const { output, error } = event as unknown as { output?: Finding; error?: { message?: string } };
        return output?.reason ?? error?.message ?? 'The probe failed';
      },
    }),
    recordTimeout: assign({
      passes: 0,
      reason: ({ context }) => `There was no answer within ${context.timing.timeoutMs / 1000} s`,
    }),
    countFailure: assign({
      failures: ({ context }) => Math.min(context.failures + 1, context.timing.failuresMost),
    }),
    tellPass: raise({ type: 'probe.passed' }),
    tellFailure: raise({ type: 'probe.failed' }),
    tellCount: raise({ type: 'failure.counted' }),
  },
}).createMachine({
  id: 'health',
  context: ({ input }) => ({ ...input, passes: 0, failures: 0, reason: null }),
  initial: 'followed',
  on: {
    'run.ended': '.ended',
    'run.paused': {},
    'run.unpaused': {},
    'probe.passed': {},
    'probe.failed': {},
    'failure.counted': {},
  },
  states: {
    followed: {
      type: 'parallel',
      states: {
        verdict: {
          initial: 'recalling',
          states: {
            recalling: {
              tags: 'transient',
              always: [
                { guard: 'wasHealthy', target: 'healthy' },
                { guard: 'wasUnhealthy', target: 'unhealthy' },
                { target: 'starting' },
              ],
            },
            starting: {
              tags: 'settled',
              on: {
                'probe.passed': { guard: 'hasPassedEnough', target: 'healthy' },
                'failure.counted': { guard: 'hasFailedTooOften', target: 'unhealthy' },
              },
            },
            healthy: {
              tags: 'settled',
              on: { 'failure.counted': { guard: 'hasFailedTooOften', target: 'unhealthy' } },
            },
            unhealthy: {
              tags: 'settled',
              on: { 'probe.passed': { guard: 'hasPassedEnough', target: 'healthy' } },
            },
          },
        },
        /** Failures are forgiven in the first part of a run, until it passed once. */
        startPeriod: {
          initial: 'assessing',
          states: {
            assessing: {
              tags: 'transient',
              always: [{ guard: 'isStarted', target: 'over' }, { target: 'lasting' }],
            },
            lasting: {
              tags: 'transient',
              invoke: {
                id: 'startPeriod.deadline',
                src: 'deadline',
                input: ({ context }) => ({ ms: context.startPeriodLeftMs }),
                onDone: 'over',
                onError: 'over',
              },
              on: { 'probe.passed': 'over' },
            },
            over: { tags: 'settled', on: { 'probe.failed': { actions: ['countFailure', 'tellCount'] } } },
          },
        },
        probes: {
          initial: 'assessing',
          states: {
            assessing: {
              tags: 'transient',
              always: [{ guard: 'isPaused', target: 'paused' }, { target: 'waiting' }],
            },
            waiting: {
              tags: 'transient',
              on: { 'run.paused': 'paused' },
              invoke: {
                id: 'interval.deadline',
                src: 'deadline',
                input: ({ context }) => ({ ms: context.timing.intervalMs }),
                onDone: 'probing',
                onError: 'probing',
              },
            },
            probing: {
              tags: 'transient',
              on: { 'run.paused': 'paused' },
              invoke: [
                {
                  id: 'probe',
                  src: 'probe',
                  input: {},
                  onDone: [
                    { guard: 'hasPassed', target: 'waiting', actions: ['countPass', 'tellPass'] },
                    { target: 'waiting', actions: ['recordFailure', 'tellFailure'] },
                  ],
                  onError: { target: 'waiting', actions: ['recordFailure', 'tellFailure'] },
                },
                {
                  id: 'probe.deadline',
                  src: 'deadline',
                  input: ({ context }) => ({ ms: context.timing.timeoutMs }),
                  onDone: { target: 'waiting', actions: ['recordTimeout', 'tellFailure'] },
                  onError: { target: 'waiting', actions: ['recordTimeout', 'tellFailure'] },
                },
              ],
            },
            /** Nothing in it answers, and nothing is wrong with that. */
            paused: { tags: 'settled', on: { 'run.unpaused': 'waiting' } },
          },
        },
      },
    },
    ended: { type: 'final', tags: 'settled' },
  },
});
