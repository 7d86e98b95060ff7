/** The pure restart policy as a function, so that the agent can be handed the charts' own. */
import type { Observation } from './container.ts';

export type DecideRestart = (
  policy: { readonly name: string; readonly maximumRetryCount: number },
  exit: Observation,
  /** Restarts by policy since it last ran well. */
  restarts: number,
) => { readonly restart: boolean; readonly backoffMs: number; readonly reason: string };
