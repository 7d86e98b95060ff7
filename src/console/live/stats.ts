/** What a container uses now, from two samples of what it has used so far. */
import { isInSight, later, onSight } from '../browser.ts';
import { pathOfActor } from './actor.ts';
import type { StatsSample } from './api.ts';
import { call } from './session.ts';

/** Between samples, ms: an engine measures no more often than each second. */
export const sampleMs = 2_000;

export interface Use {
  /** Epoch ms, by the host's clock. */
  readonly at: number;
  /** CPUs; null for the first sample, which is no rate yet. The same of traffic. */
  readonly cpus: number | null;
  readonly memoryBytes: number;
  /** Bytes a second. */
  readonly received: number | null;
  readonly sent: number | null;
}

export interface Limits {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** @param before null for the first */
export function useBetween(before: StatsSample | null, sample: StatsSample): Use {
  const at = Date.parse(sample.sampled_at);
  const seconds = before ? (at - Date.parse(before.sampled_at)) / 1_000 : 0;
  // A container that was started again counts from nothing.
  const rate = (now: number, then: number): number | null =>
    seconds > 0 && now >= then ? (now - then) / seconds : null;
  return {
    at,
    cpus: before && rate(sample.cpu_seconds, before.cpu_seconds),
    memoryBytes: sample.memory_bytes,
    received: before && rate(sample.network_received_bytes, before.network_received_bytes),
    sent: before && rate(sample.network_sent_bytes, before.network_sent_bytes),
  };
}

/**
 * Samples while the page is in sight.
 * @param problem told in words when it can't be measured now; it is tried on
 * @returns how to end that
 */
export function followUse(
  id: string,
  told: (use: Use, limits: Limits) => void,
  problem: (words: string) => void,
): () => void {
  let isOver = false;
  let before: StatsSample | null = null;
  let cancel: (() => void) | null = null;
  const sample = async (): Promise<void> => {
    try {
      const next = await call<StatsSample>('GET', `${pathOfActor('container', id)}/stats`);
      // An engine may not have measured since.
      if (next.sampled_at !== before?.sampled_at && !isOver)
        told(useBetween(before, next), { cpus: next.host_cpus, memoryBytes: next.memory_limit_bytes });
      before = next;
    } catch (error) {
      before = null;
      if (!isOver) problem((error as Error).message);
    }
    schedule();
  };
  const schedule = (): void => {
    cancel?.();
    cancel = isOver || !isInSight() ? null : later(sampleMs, () => void sample());
  };
  const stop = onSight(() => schedule());
  void sample();
  return () => {
    isOver = true;
    stop();
    cancel?.();
  };
}
