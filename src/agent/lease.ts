/** The right to restart: while the lease holds, only the chart restarts containers. */
import type { Cancel, Environment } from '../model/environment.ts';

export interface Lease {
  /** Heard from the control plane now: it holds for `leaseMs` of the monotonic clock. */
  renew(leaseMs: number): void;
  readonly isHeld: boolean;
  stop(): void;
}

export function createLease(
  environment: Pick<Environment, 'monotonic' | 'schedule'>,
  expired: () => void,
): Lease {
  let until = Number.NEGATIVE_INFINITY;
  let cancel: Cancel = () => {};
  const watch = (): void => {
    cancel = environment.schedule(until - environment.monotonic(), () => {
      if (environment.monotonic() < until) return watch();
      cancel = () => {};
      isWatching = false;
      expired();
    });
  };
  let isWatching = false;
  return {
    renew(leaseMs) {
      until = Math.max(until, environment.monotonic() + leaseMs);
      if (isWatching) return;
      isWatching = true;
      watch();
    },
    get isHeld() {
      return environment.monotonic() < until;
    },
    stop: () => cancel(),
  };
}
