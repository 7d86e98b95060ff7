/** Actors that could not be restored: kept as they are stored, shown to owners and operators, never dropped. */
import { TroupeError } from '../errors/errors.ts';
import { addressParts, kindOf, parseAddress, type ActorKind, type Address } from '../model/address.ts';
import type { Chart } from '../machines/chart.ts';
import type { ContainerView } from '../model/container-view.ts';
import type { Lifecycle } from '../model/lifecycle.ts';
import type { Specs } from './specs.ts';
import type { ActorRecord } from './stores/store.ts';

export interface Unreadable {
  readonly address: string;
  readonly reason: string;
  /** What could be parsed of it. */
  readonly record: ActorRecord | null;
  /** Epoch ms; 0 when nothing says so any more. */
  readonly createdAt: number;
}

export interface UnreadableActors {
  readonly all: readonly Unreadable[];
  /** Containers among them whose spec can be read. */
  readonly views: readonly ContainerView[];
  has(address: string): boolean;
  /** Null for an actor that was restored. */
  lifecycle(address: Address, chart: Chart): Lifecycle | null;
  /** What who asks it for something is told: QUARANTINED; null for an actor that was restored. */
  problem(address: Address): TroupeError | null;
  /**
   * What can't be read is there all the same: nobody is told that it is gone. @param tenant null = all
   * @throws TroupeError QUARANTINED for one with this id
   */
  turnAway(kind: ActorKind, tenant: string | null, id: string | null): void;
}

export function createUnreadableActors(all: readonly Unreadable[], specs: Specs): UnreadableActors {
  const byAddress = new Map(all.map((each) => [each.address, each]));
  const reasonOf = ({ reason }: Unreadable): string => `Quarantined: ${reason}`;
  const views = all.flatMap((each) => viewOf(each, specs) ?? []);
  return {
    all,
    views,
    has: (address) => byAddress.has(address),
    turnAway(kind, tenant, id) {
      for (const { address, reason } of all) {
        const each = addressParts(address);
        // One whose spec can be read is shown.
        if (views.some((view) => view.address === address)) continue;
        if (each?.kind !== kind || each.id !== id || (tenant !== null && each.tenant !== tenant)) continue;
        throw new TroupeError(
          'QUARANTINED',
          `"${address}" is quarantined: ${reason}; an operator must look at it`,
        );
      }
    },
    lifecycle(address, { version, commands, services = [] }) {
      const found = byAddress.get(address);
      if (!found) return null;
      const reason = 'The actor is quarantined';
      return {
        address,
        kind: parseAddress(address).kind,
        chartVersion: found.record?.chartVersion ?? version,
        revision: found.record?.revision ?? 0,
        statePaths: [],
        status: 'Unknown',
        taskState: null,
        reason: reasonOf(found),
        since: found.record?.since ?? found.createdAt,
        waitingFor: [],
        nextRestart: null,
        lastError: null,
        allowedEvents: commands.map((sample) => ({
          ...sample,
          answer: 'refused',
          reason,
          to: [],
          starts: [],
        })),
        services: services.map((type) => ({ type, answer: 'refused', reason })),
        related: [],
        quarantined: { reason: found.reason, event: null },
      };
    },
    problem(address) {
      const found = byAddress.get(address);
      if (!found) return null;
      const { kind, id } = parseAddress(address);
      return new TroupeError(
        'QUARANTINED',
        `The ${kind} "${id}" is quarantined: ${found.reason}; an operator must look at it`,
      );
    },
  };
}

function viewOf(unreadable: Unreadable, specs: Specs): ContainerView | null {
  const { address, record, createdAt } = unreadable;
  const spec = specs.find(address as Address);
  if (!spec || kindOf(address as Address) !== 'container') return null;
  const { id, tenant } = parseAddress(address);
  return {
    address: address as Address,
    id,
    tenant: tenant ?? '',
    capsuleId: (record?.context as { readonly capsuleId?: string | null } | undefined)?.capsuleId ?? null,
    spec,
    generation: record?.generation ?? 1,
    revision: record?.revision ?? 0,
    status: 'Unknown',
    taskState: null,
    reason: `Quarantined: ${unreadable.reason}`,
    statePaths: [],
    hostId: null,
    hostname: null,
    observation: null,
    ports: [],
    mounts: [],
    published: [],
    restarts: 0,
    failure: null,
    refusals: [],
    createdAt,
    updatedAt: record?.updatedAt ?? createdAt,
    since: record?.since ?? createdAt,
  };
}
