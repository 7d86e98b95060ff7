/**
 * Whether a container that exited runs again, when, and why, in words. Pure:
 * the chart decides with it while the host's link holds, the agent while it doesn't.
 */
import type { Observation, RestartPolicy } from '../model/container.ts';

export interface RestartDecision {
  readonly restart: boolean;
  readonly reason: string;
}

/** A run at least this long resets the count of restarts. @see moby/moby:daemon/internal/restartmanager/restartmanager.go */
export const stableRunMs = 10_000;
const firstBackoffMs = 100;
const longestBackoffMs = 60_000;

/** @param restarts restarts by policy since the container last ran well */
export function decideRestart(
  policy: RestartPolicy,
  exitCode: number | null,
  restarts: number,
): RestartDecision {
  const exit = exitCode === null ? 'it ended' : `it exited with ${exitCode}`;
  switch (policy.name) {
    case 'no':
      return { restart: false, reason: `${exit}; its restart policy is "no"` };
    case 'always':
    case 'unless-stopped':
      return { restart: true, reason: `${exit}; its restart policy is "${policy.name}"` };
    case 'on-failure':
      if (exitCode === 0) return { restart: false, reason: `${exit}, which is no failure` };
      if (policy.maximumRetryCount > 0 && restarts >= policy.maximumRetryCount) {
        return {
          restart: false,
          reason: `${exit}; restarted ${restarts} times, as often as its policy allows`,
        };
      }
      return { restart: true, reason: `${exit}; its restart policy is "on-failure"` };
  }
}

/** Milliseconds before restart number `restarts` (from 1): doubles from 100 ms up to a minute, as Docker does. */
export function restartBackoffMs(restarts: number): number {
  return Math.min(firstBackoffMs * 2 ** Math.max(0, Math.min(restarts, 20) - 1), longestBackoffMs);
}

/** Restarts that still count after the run that ended: none, if it was long enough to forget them. */
export const countedRestarts = (exit: Observation | null, restarts: number): number =>
  exit && wasStable(exit) ? 0 : restarts;

function wasStable({ startedAt, finishedAt }: Observation): boolean {
  return startedAt !== null && finishedAt !== null && finishedAt - startedAt >= stableRunMs;
}
