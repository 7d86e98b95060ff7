/**
 * Containers as last committed, found by tenant, id and name from memory;
 * never from the store, never from a turn that is not durable.
 */
import { TroupeError } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { containerAddress, parseAddress, type Address } from '../model/address.ts';
import type { Cell } from './cell.ts';
import type { ContainerQuery, ContainerView, WatchFilter, WatchSnapshotItem } from './index.ts';
import type { Runtime } from './runtime.ts';
import type { Specs } from './specs.ts';

export interface ReadModel {
  container(tenant: string | null, idOrName: string): ContainerView;
  containers(query: ContainerQuery): readonly ContainerView[];
  view(cell: Cell): ContainerView | null;
  snapshot(filter: WatchFilter): readonly WatchSnapshotItem[];
  /** Follows births and deaths. */
  add(cell: Cell): void;
  remove(address: Address): void;
}

export function createReadModel(runtime: () => Runtime, specs: Specs): ReadModel {
  const byTenant = new Map<string, Map<string, Cell>>();
  const byId = new Map<string, Cell>();

  const view = (cell: Cell): ContainerView | null => {
    const state = cell.committed;
    if (!state || state.record.endedAt !== null) return null;
    const context = state.record.context as ContainerContext;
    const { id, tenant } = parseAddress(cell.address);
    return {
      address: cell.address,
      id,
      tenant: tenant ?? '',
      spec: specs.get(cell.address),
      generation: state.record.generation,
      revision: state.record.revision,
      status: cell.quarantined ? 'Unknown' : state.projection.status,
      taskState: state.projection.taskState,
      reason: cell.quarantined ? `Quarantined: ${cell.quarantined.reason}` : state.projection.reason,
      statePaths: state.paths,
      hostId: context.hostId,
      hostname: context.hostname,
      observation: context.observation,
      restarts: context.restarts,
      failure: context.failure,
      refusals: context.refusals,
      createdAt: state.record.createdAt,
      updatedAt: state.record.updatedAt,
      since: state.record.since,
    };
  };

  const cellsOf = (tenant: string | null): Iterable<Cell> =>
    tenant === null ? byId.values() : (byTenant.get(tenant)?.values() ?? []);

  return {
    view,
    container(tenant, idOrName) {
      const id = canonicalUuid(idOrName);
      const direct = id === null ? undefined : tenant === null ? byId.get(id) : byTenant.get(tenant)?.get(id);
      const found = direct && view(direct);
      if (found) return found;
      const named = [...cellsOf(tenant)]
        .filter((cell) => cell.committed && specs.get(cell.address).name === idOrName)
        .flatMap((cell) => view(cell) ?? []);
      if (named.length > 1) {
        throw new TroupeError(
          'NAME_AMBIGUOUS',
          `Multiple containers exist with the name "${idOrName}"; use the uuid`,
        );
      }
      const [only] = named;
      if (!only) throw new TroupeError('CONTAINER_NOT_FOUND', `Container ${idOrName} could not be found.`);
      return only;
    },
    containers({ tenant, status, name }) {
      const views: ContainerView[] = [];
      for (const cell of cellsOf(tenant)) {
        const each = view(cell);
        if (!each) continue;
        if (status !== undefined && each.status !== status) continue;
        if (name !== undefined && each.spec.name !== name) continue;
        views.push(each);
      }
      return views;
    },
    snapshot(filter) {
      const wanted = filter.kinds ?? (['container', 'host', 'tenant'] as const);
      return wanted.flatMap((kind) =>
        [...runtime().cellsOf(kind).values()].flatMap((cell): readonly WatchSnapshotItem[] => {
          const { tenant, id } = parseAddress(cell.address);
          const state = cell.committed;
          if (
            !state ||
            (filter.tenant !== null && tenant !== filter.tenant) ||
            (filter.id !== null && id !== filter.id)
          )
            return [];
          return [
            {
              address: cell.address,
              revision: state.record.revision,
              ...state.projection,
              statePaths: state.paths,
              since: state.record.since,
            },
          ];
        }),
      );
    },
    add(cell) {
      const { kind, id, tenant } = parseAddress(cell.address);
      if (kind !== 'container' || tenant === null) return;
      byId.set(id, cell);
      let mine = byTenant.get(tenant);
      if (!mine) byTenant.set(tenant, (mine = new Map()));
      mine.set(id, cell);
    },
    remove(address) {
      const { id, tenant } = parseAddress(address);
      byId.delete(id);
      if (tenant !== null) byTenant.get(tenant)?.delete(id);
      specs.forget(address);
    },
  };
}

/** A UUID in any spelling (dashed or not, any case) as we write it, or null. As oslo's is_uuid_like. */
export function canonicalUuid(text: string): string | null {
  const hex = text.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const addressOf = (view: { readonly tenant: string; readonly id: string }): Address =>
  containerAddress(view.tenant, view.id);
