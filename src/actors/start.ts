/** What actors are told when the control plane starts: that it was away, and what is configured otherwise by now. */
import { isDeepStrictEqual } from 'node:util';
import type { HostContext } from '../machines/host/context.ts';
import type { TenantContext } from '../machines/tenant/context.ts';
import type { Address } from '../model/address.ts';
import type { Amounts } from '../model/container.ts';
import type { HostPolicy } from '../model/host.ts';
import type { Cause } from '../model/journal.ts';
import type { Neighbours } from '../model/placement.ts';
import type { Runtime } from './runtime.ts';

const atStart = (reason: string): Cause => ({ kind: 'runtime', reason });

/** @param migrated those whose snapshots an earlier version of their chart had written */
export function tellRestored(runtime: Runtime, migrated: readonly Address[]): void {
  for (const address of migrated) {
    runtime.deliver(address, {
      event: { type: 'actor.restored' },
      cause: atStart('migrated'),
      source: { kind: 'fact' },
    });
  }
  // No link outlives the process that held it: each host is suspect until it is heard again.
  for (const cell of runtime.cellsOf('host').values()) {
    const { session } = cell.committed!.record.context as HostContext;
    if (session === null) continue;
    cell.deliver({
      event: { type: 'link.closed', session, reason: 'the control plane was restarted' },
      cause: atStart('restarted'),
      source: { kind: 'fact' },
    });
  }
}

/** What the site's configuration says now may differ from what actors were begun with. */
export function configure(
  runtime: Runtime,
  { hostPolicy, neighbours }: { readonly hostPolicy: HostPolicy; readonly neighbours: Neighbours },
  limits: Amounts,
): void {
  const cause = atStart('the configuration has changed');
  for (const cell of runtime.cellsOf('host').values()) {
    if (isDeepStrictEqual((cell.committed!.record.context as HostContext).policy, hostPolicy)) continue;
    cell.deliver({
      event: { type: 'host.configured', policy: hostPolicy },
      cause,
      source: { kind: 'fact' },
    });
  }
  for (const cell of runtime.cellsOf('tenant').values()) {
    const { siteNeighbours, siteLimits } = cell.committed!.record.context as TenantContext;
    if (siteNeighbours === neighbours && isDeepStrictEqual(siteLimits, limits)) continue;
    const event = { type: 'tenant.configured', neighbours, limits } as const;
    cell.deliver({ event, cause, source: { kind: 'fact' } });
  }
}
