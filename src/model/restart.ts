/** The pure restart policy as a function, so that the agent can be handed the charts' own. */
import type { Observation } from './container.ts';

export interface RestartVerdict {
  readonly restart: boolean;
  /** Milliseconds before it starts. */
  readonly backoffMs: number;
  /** Restarts by policy since it last ran well, this one counted. */
  readonly restarts: number;
  readonly reason: string;
}

/** @param restarts restarts by policy since it last ran well, before this exit */
export type DecideRestart = (
  policy: { readonly name: string; readonly maximumRetryCount: number },
  exit: Observation,
  restarts: number,
) => RestartVerdict;
