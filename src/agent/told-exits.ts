/**
 * Ends of runs that the engine's events tell in full, so that nobody need ask.
 * Docker tells an exit before it takes down the container's network, and
 * answers no inspection meanwhile (50 ms, seen with 20.10).
 *
 * Asked all the same: whose run we don't know, what ended after memory ran out
 * in it, and a SIGKILL that no event explains, since it may be the kernel's.
 */
import type { EngineEvent } from '../drivers/runtime/runtime-driver.ts';
import type { Observation } from '../model/container.ts';

type ContainerEvent = Extract<EngineEvent, { kind: 'container' }>;

export interface ToldExits {
  /** Takes each event of a container in its order. @param known what we know of the container, the run it is about */
  seen(event: ContainerEvent, known: Observation | undefined): void;
  /** The run we know as it has ended by this event; null when the engine must be asked. */
  endOf(event: ContainerEvent, known: Observation | undefined): Observation | null;
  forget(containerId: string): void;
}

/** @see signal(7) */
const sigkill = 9;
const killedCode = 128 + sigkill;

export function createToldExits(): ToldExits {
  const causes = new Map<string, { readonly startedAt: number | null; readonly cause: 'sigkill' | 'oom' }>();
  return {
    seen({ containerId, action, signal }, known) {
      const startedAt = known?.startedAt ?? null;
      if (action === 'oom') causes.set(containerId, { startedAt, cause: 'oom' });
      else if (action === 'start' || action === 'destroy') causes.delete(containerId);
      else if (action === 'kill' && signal === sigkill && causes.get(containerId)?.cause !== 'oom')
        causes.set(containerId, { startedAt, cause: 'sigkill' });
    },
    endOf({ containerId, engineId, exit }, known) {
      const told = causes.get(containerId);
      causes.delete(containerId);
      if (!exit || known?.engineId !== engineId || known.startedAt === null) return null;
      const { startedAt, state, oomKilled } = known;
      if ((state !== 'running' && state !== 'paused') || exit.at < startedAt) return null;
      if (oomKilled || told?.cause === 'oom') return null;
      const isKillTold = told?.cause === 'sigkill' && told.startedAt === startedAt;
      if (exit.exitCode === killedCode && !isKillTold) return null;
      return {
        ...known,
        state: 'exited',
        exitCode: exit.exitCode,
        finishedAt: exit.at,
        health: 'none',
        healthReason: null,
        addresses: [],
      };
    },
    forget: (containerId) => void causes.delete(containerId),
  };
}
