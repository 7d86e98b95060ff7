/** Health checks: what is asked, how often, and what it takes to change one's mind. */

export type Health = 'none' | 'starting' | 'healthy' | 'unhealthy';

/** HTTP statuses that pass, both ends included. */
export interface StatusRange {
  readonly least: number;
  readonly most: number;
}

export type HealthProbe =
  /** A shell command in the container; exit 0 passes. */
  | { readonly type: 'exec'; readonly test: string }
  /** A GET at the container's own address; redirects are not followed. */
  | {
      readonly type: 'http';
      readonly port: number;
      readonly path: string;
      readonly statuses: readonly StatusRange[];
    }
  /** A connection to the container's own address that is accepted. */
  | { readonly type: 'tcp'; readonly port: number };

export interface HealthCheck {
  readonly probe: HealthProbe;
  /** Before the first probe and after each; 0 = 30. */
  readonly intervalSeconds: number;
  /** 0 = 30. */
  readonly timeoutSeconds: number;
  /** Failures in a row that make it unhealthy; 0 = 3. */
  readonly retries: number;
  /** After its start, failures do not count until it passed once. */
  readonly startPeriodSeconds: number;
  /** Passes in a row that make it healthy, at least 1. */
  readonly successThreshold: number;
}

/** Passes where nothing else is asked, as in Kubernetes. */
export const usualStatuses: readonly StatusRange[] = [{ least: 200, most: 399 }];

/** In force where 0 was asked. @see moby/moby:daemon/health.go */
const usual = { intervalSeconds: 30, timeoutSeconds: 30, retries: 3 } as const;

export interface HealthTiming {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly failuresMost: number;
  readonly passesLeast: number;
}

export const healthTiming = (check: HealthCheck): HealthTiming => ({
  intervalMs: (check.intervalSeconds || usual.intervalSeconds) * 1000,
  timeoutMs: (check.timeoutSeconds || usual.timeoutSeconds) * 1000,
  startPeriodMs: check.startPeriodSeconds * 1000,
  failuresMost: check.retries || usual.retries,
  passesLeast: check.successThreshold,
});

/** Whether an engine that runs commands as health checks can run this one: it knows one pass as enough. */
export const isEngineCheck = ({ probe, successThreshold }: HealthCheck): boolean =>
  probe.type === 'exec' && successThreshold === 1;
