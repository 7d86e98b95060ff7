/**
 * Signals that somebody else sent to containers: a run that ends soon after
 * one was stopped by hand, and stays stopped, as with the engine's own client.
 */
import type { Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';

export interface StopSignals {
  /** @param known what we know of the container, the run that got the signal */
  seen(containerId: string, signal: number | null, known: Observation | undefined): void;
  /** Whether the run of `exit` had been sent a stop signal; asked once. */
  endedBySignal(exit: Observation): boolean;
  forget(containerId: string): void;
}

/** @see signal(7) */
const sigkill = 9;
/** A process that lives on this long after a signal did not take it as a stop; a reload, say. */
const soonMs = 60_000;

export function createStopSignals({ monotonic }: Pick<Environment, 'monotonic'>): StopSignals {
  const seen = new Map<string, { readonly startedAt: number | null; readonly at: number }>();
  return {
    seen(containerId, signal, known) {
      // The end of that run is known: the signal's event came late.
      if (known?.state === 'exited' || known?.state === 'dead') return;
      const before = seen.get(containerId);
      // Killing alone is a crash to the restart policy; after a stop signal it is the end of that stop's grace.
      if (signal === sigkill && before === undefined) return;
      seen.set(containerId, { startedAt: before?.startedAt ?? known?.startedAt ?? null, at: monotonic() });
    },
    endedBySignal(exit) {
      const last = seen.get(exit.containerId);
      seen.delete(exit.containerId);
      if (!last || monotonic() - last.at > soonMs) return false;
      return last.startedAt === null || last.startedAt === exit.startedAt;
    },
    forget: (containerId) => void seen.delete(containerId),
  };
}
