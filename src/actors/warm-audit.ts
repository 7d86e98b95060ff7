/** Sandboxes made ahead in the ledger: what hosts list against what waits there, and against their memory budget. */
import type { ContainerContext } from '../machines/container/context.ts';
import type { HostContext } from '../machines/host/context.ts';
import { countReady } from '../machines/host/ready.ts';
import { warmMemoryOf } from '../machines/host/warm.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';
import type { AuditEntry } from '../model/audit-entry.ts';

/** @param hosts those of which nothing is on its way */
export function auditWarm(runtime: Runtime, hosts: readonly Cell[]): readonly AuditEntry[] {
  const waiting = waitingByHost(runtime);
  return hosts.flatMap((cell): readonly AuditEntry[] => {
    const context = cell.committed?.record.context as HostContext | undefined;
    if (!context) return [];
    const entries: AuditEntry[] = [];
    const add = (problem: string, detail: string): void =>
      void entries.push({ problem, address: cell.address, hostId: context.id, detail });
    const { budgetMib, usedMib } = warmMemoryOf(context);
    if (usedMib > budgetMib)
      add('warm-over-budget', `keeps ${usedMib} MiB in sandboxes made ahead, and may keep ${budgetMib}`);
    const { absent, unlisted } = differenceOf(context, waiting);
    const ids = (each: readonly WarmSandbox[]): string => each.map(({ sandboxId }) => sandboxId).join(', ');
    if (absent.length + unlisted.length > 0)
      add(
        'warm-differs',
        `lists ${countReady(context.ready)} sandboxes made ahead (${usedMib} of ${budgetMib} MiB); ${absent.length} of them do not wait there (${ids(absent)}), ${unlisted.length} wait and are not listed (${ids(unlisted)})`,
      );
    return entries;
  });
}

/** A sandbox made ahead, as its host lists it. */
export interface WarmSandbox {
  readonly sandboxId: string;
  readonly tenant: string;
  readonly poolId: string;
}

interface WarmDifference {
  /** Listed, and waiting nowhere. */
  readonly absent: readonly WarmSandbox[];
  /** Waiting, and not listed. */
  readonly unlisted: readonly WarmSandbox[];
}

/** Of a host of which nothing is on its way. */
export const warmDifference = (runtime: Runtime, host: HostContext): WarmDifference =>
  differenceOf(host, waitingByHost(runtime));

function differenceOf({ id, ready }: HostContext, waiting: Waiting): WarmDifference {
  const there = waiting.get(id) ?? new Map<string, WarmSandbox>();
  const listed = Object.entries(ready).flatMap(([key, ids]) => {
    const at = key.indexOf('/');
    return ids.map((sandboxId) => ({ sandboxId, tenant: key.slice(0, at), poolId: key.slice(at + 1) }));
  });
  const known = new Set(listed.map(({ sandboxId }) => sandboxId));
  return {
    absent: listed.filter(({ sandboxId }) => !there.has(sandboxId)),
    unlisted: [...there.values()].filter(({ sandboxId }) => !known.has(sandboxId)),
  };
}

/** By host, then by id. */
type Waiting = ReadonlyMap<string, ReadonlyMap<string, WarmSandbox>>;

/** What waits for a container, and was not handed to one that has yet to claim it. */
function waitingByHost(runtime: Runtime): Waiting {
  const given = new Set<string | null>();
  for (const cell of runtime.cellsOf('container').values())
    given.add((cell.committed?.record.context as ContainerContext | undefined)?.sandboxId ?? null);
  const waiting = new Map<string, Map<string, WarmSandbox>>();
  for (const { committed } of runtime.cellsOf('sandbox').values()) {
    const { id, tenant, hostId, pool } = (committed?.record.context ?? {}) as SandboxContext;
    if (!committed?.paths.includes('ready') || given.has(id)) continue;
    const there = waiting.get(hostId) ?? new Map<string, WarmSandbox>();
    waiting.set(hostId, there.set(id, { sandboxId: id, tenant, poolId: pool?.id ?? '' }));
  }
  return waiting;
}
