/** A step that is attempted until it works: what is remembered of its attempts, and the pauses between them. */
import type { EventObject } from 'xstate';
import type { Failure } from '../model/failure.ts';

const firstMs = 500;
const longestMs = 15_000;
/** Attempts beyond this are not counted: the pause no longer grows. */
export const mostTries = 6;

/**
 * How long a service may take to notice that what it was given broke off, ms; it then takes another. What seems to go on for
 * longer was cut off with the service itself.
 */
export const noticeMs = 30_000;

/** Milliseconds after `tries` failed attempts (from 1). */
export const retryBackoffMs = (tries: number): number =>
  Math.min(firstMs * 2 ** Math.max(0, tries - 1), longestMs);

/** Of an effect that ended with an error. */
export const failureOf = (event: EventObject): Failure => (event as unknown as { error: Failure }).error;

export const noAttempt = { tries: 0, failure: null, reason: null } as const;

/** @param tries that failed before */
export function failedAttempt(tries: number, event: EventObject) {
  const failure = failureOf(event);
  return { failure, reason: failure.message, tries: Math.min(tries + 1, mostTries) };
}

/**
 * A state that waits before a step is attempted again.
 *
 * @param again where it is attempted
 * @param otherwise where it goes on when the pause can't be had
 */
export const pauseBefore = <A extends string, O extends string = A>(
  again: A,
  id: string,
  description: string,
  otherwise: A | O = again,
) =>
  ({
    description,
    tags: 'transient',
    invoke: {
      id,
      src: 'deadline',
      input: ({ context }: { readonly context: { readonly tries: number } }) => ({
        ms: retryBackoffMs(context.tries),
      }),
      onDone: again,
      onError: otherwise,
    },
  }) as const;

interface Question<S extends string, D, R> {
  readonly src: S;
  readonly id: string;
  readonly description: string;
  /** The pause before it is asked again. */
  readonly backoff: { readonly id: string; readonly description: string };
  readonly onDone: D;
  /** Where asking again is no use, or not at once. */
  readonly refused: R;
}

/** A step that somebody else does: asked for, and again after a pause where that may help. */
export const untilAnswered = <
  S extends string,
  const D,
  const R extends readonly unknown[],
  const Q extends object,
>({
  description,
  backoff,
  refused,
  ...question
}: Question<S, D, R> & Q) =>
  ({
    initial: 'attempting',
    states: {
      attempting: {
        description,
        tags: 'transient',
        invoke: {
          ...question,
          onError: [{ guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' }, ...refused],
        },
      },
      waiting: pauseBefore('attempting', backoff.id, backoff.description),
    },
  }) as const;

interface Release<D, O, F> {
  readonly description: string;
  /** What is let go of; null = nothing that was acquired by itself. */
  readonly releases: string | null;
  /** Of one attempt. */
  readonly deadlineId: string;
  readonly overdue: O;
  readonly onDone: D;
  readonly onError: F;
  /** The pause before it is attempted again. */
  readonly backoff: { readonly id: string; readonly description: string };
}

/**
 * The states of something that is let go of: attempted, each time for as long as a removal may take, until it is done.
 * `overdue` and `onError` lead to `waiting`.
 */
export const untilReleased = <
  const D,
  const O,
  const F,
  const E extends { readonly id: string; readonly src: string },
>({
  description,
  releases,
  deadlineId,
  overdue,
  backoff,
  ...effect
}: Release<D, O, F> & E) =>
  ({
    attempting: {
      description,
      tags: 'transient',
      ...(releases !== null && { meta: { releases } }),
      invoke: [
        {
          id: deadlineId,
          src: 'deadline',
          input: ({
            context,
          }: {
            readonly context: { readonly deadlines: { readonly removeMs: number } };
          }) => ({
            ms: context.deadlines.removeMs,
          }),
          onDone: overdue,
          onError: 'waiting',
        },
        effect,
      ],
    },
    waiting: pauseBefore('attempting', backoff.id, backoff.description),
  }) as const;
