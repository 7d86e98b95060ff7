/** Sandboxes made ahead in the ledger: what hosts list against what waits there, and against their memory budget. */
import type { ContainerContext } from '../machines/container/context.ts';
import type { HostContext } from '../machines/host/context.ts';
import { warmMemoryOf } from '../machines/host/warm.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import { parseAddress } from '../model/address.ts';
import type { AuditEntry } from './index.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';

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
    const listed = new Set(Object.values(context.ready).flat());
    const there = waiting.get(context.id) ?? new Set();
    const absent = [...listed].filter((each) => !there.has(each));
    const unlisted = [...there].filter((each) => !listed.has(each));
    if (absent.length + unlisted.length > 0)
      add(
        'warm-differs',
        `lists ${listed.size} sandboxes made ahead (${usedMib} of ${budgetMib} MiB); ${absent.length} of them do not wait there (${absent.join(', ')}), ${unlisted.length} wait and are not listed (${unlisted.join(', ')})`,
      );
    return entries;
  });
}

/** What waits for a container, and was not handed to one that has yet to claim it. */
function waitingByHost(runtime: Runtime): ReadonlyMap<string, ReadonlySet<string>> {
  const given = new Set<string | null>();
  for (const cell of runtime.cellsOf('container').values())
    given.add((cell.committed?.record.context as ContainerContext | undefined)?.sandboxId ?? null);
  const waiting = new Map<string, Set<string>>();
  for (const { address, committed } of runtime.cellsOf('sandbox').values()) {
    const { id } = parseAddress(address);
    if (!committed?.paths.includes('ready') || given.has(id)) continue;
    const { hostId } = committed.record.context as SandboxContext;
    waiting.set(hostId, (waiting.get(hostId) ?? new Set()).add(id));
  }
  return waiting;
}
