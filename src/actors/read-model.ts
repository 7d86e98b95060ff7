/**
 * Containers as last committed, found by tenant, id and name from memory;
 * never from the store, never from a turn that is not durable.
 */
import { TroupeError } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import type { ContainerQuery, ContainerView, MountView } from '../model/container-view.ts';
import { limitsOf, type ContainerSpec } from '../model/container.ts';
import {
  actorKinds,
  hostAddress,
  kindOf,
  parseAddress,
  sandboxAddress,
  tenantAddress,
  type ActorKind,
  type Address,
} from '../model/address.ts';
import { networksKey, type NetworkRequest } from '../model/network.ts';
import type { Cell } from './cell.ts';
import type { WatchSnapshotItem, WatchFilter } from '../model/watch.ts';
import type { Runtime } from './runtime.ts';
import type { Specs } from './specs.ts';
import type { ActorState } from './turn.ts';

export interface ReadModel {
  container(tenant: string | null, idOrName: string): ContainerView;
  /** In order of creation, each made when it is come to. */
  containers(query: ContainerQuery): Iterable<ContainerView>;
  view(cell: Cell): ContainerView | null;
  snapshot(filter: WatchFilter): readonly WatchSnapshotItem[];
  label(address: Address): { readonly name: string | null; readonly host: string | null };
  /** Follows births and deaths. */
  add(cell: Cell): void;
  remove(address: Address): void;
}

/** What contexts say of where their actors are and what people call them. */
interface Labelled {
  readonly hostId: string;
  readonly hostname: string | null;
  readonly name: string | null;
  readonly networks: readonly NetworkRequest[];
}

/** A view, and what it is made of: while all of that is the very same, so is the view. */
interface MadeView {
  readonly state: ActorState;
  readonly quarantined: Cell['quarantined'];
  readonly spec: ContainerSpec;
  readonly published: ContainerView['published'];
  readonly view: ContainerView;
}

const isMadeOf = (
  made: MadeView,
  state: ActorState,
  quarantined: Cell['quarantined'],
  spec: ContainerSpec,
  published: ContainerView['published'],
): boolean =>
  made.state === state &&
  made.quarantined === quarantined &&
  made.spec === spec &&
  made.published === published;

const nothing: readonly never[] = [];

/** By the spec, and those that were attached since. */
function mountsOf(spec: ContainerSpec, { mounts }: ContainerContext): readonly MountView[] {
  return mounts.flatMap(({ volumeId, made, hot, granted, leaving }) => {
    const cinderId = made?.cinder?.volumeId ?? null;
    const status = leaving ? 'detaching' : granted ? 'attached' : 'attaching';
    const places = hot ? [hot] : spec.mounts.filter((mount) => mount.volumeId === volumeId);
    return places.map(({ destination, readOnly }) => ({ volumeId, cinderId, destination, readOnly, status }));
  });
}

/** @param unreadable containers whose actor could not be restored and whose spec is known */
export function createReadModel(
  runtime: () => Runtime,
  specs: Specs,
  unreadable: () => readonly ContainerView[],
): ReadModel {
  const byTenant = new Map<string, Shelf>();
  const byId = createShelf();

  /** Views as they were made last. */
  const made = new Map<Address, MadeView>();

  /** Its sandbox knows. */
  const publishedOf = ({ tenant, sandboxId, published }: ContainerContext): ContainerView['published'] => {
    if (sandboxId === null || published.length === 0) return nothing;
    const sandbox = runtime().cell(sandboxAddress(tenant, sandboxId))?.committed?.record.context;
    return (sandbox as SandboxContext | undefined)?.bound ?? nothing;
  };

  const view = (cell: Cell): ContainerView | null => {
    const { address, committed: state, quarantined } = cell;
    if (!state || state.record.endedAt !== null) return null;
    const context = state.record.context as ContainerContext;
    const spec = specs.get(address);
    const published = publishedOf(context);
    const known = made.get(address);
    if (known && isMadeOf(known, state, quarantined, spec, published)) return known.view;
    const { record } = state;
    const fresh: ContainerView = {
      address,
      id: context.id,
      tenant: context.tenant,
      capsuleId: context.capsuleId,
      spec: { ...spec, ...limitsOf(context.amounts) },
      generation: record.generation,
      revision: record.revision,
      ...statusOf(cell),
      statePaths: state.paths,
      hostId: context.hostId,
      hostname: context.hostname,
      observation: context.observation,
      ports: context.ports,
      mounts: mountsOf(spec, context),
      published,
      restarts: context.restarts,
      failure: context.failure,
      refusals: context.refusals,
      createdAt: record.createdAt,
      updatedAt: record.updatedAt,
      since: record.since,
    };
    made.set(address, { state, quarantined, spec, published, view: fresh });
    return fresh;
  };

  const shelfOf = (tenant: string | null): Shelf | undefined =>
    tenant === null ? byId : byTenant.get(tenant);
  const unreadableOf = (tenant: string | null): readonly ContainerView[] =>
    unreadable().filter((each) => tenant === null || each.tenant === tenant);

  const item = (cell: Cell): WatchSnapshotItem | null => {
    const state = cell.committed;
    if (!state || state.record.endedAt !== null) return null;
    return {
      address: cell.address,
      revision: state.record.revision,
      ...statusOf(cell),
      statePaths: state.paths,
      since: state.record.since,
    };
  };

  const cellsOf = (kind: ActorKind, tenant: string | null): Iterable<Cell> => {
    if (tenant === null) return runtime().cellsOf(kind).values();
    if (kind === 'container') return byTenant.get(tenant)?.inOrder() ?? [];
    if (kind !== 'tenant')
      return [...runtime().cellsOf(kind).values()].filter(
        ({ address }) => parseAddress(address).tenant === tenant,
      );
    const mine = runtime().cell(tenantAddress(tenant));
    return mine ? [mine] : [];
  };

  const hostnameOf = (hostId: string | undefined): string | null =>
    hostId === undefined
      ? null
      : ((runtime().cell(hostAddress(hostId))?.committed?.record.context as Partial<Labelled>)?.hostname ??
        null);

  return {
    view,
    container(tenant, idOrName) {
      const id = canonicalUuid(idOrName);
      const direct = id === null ? undefined : shelfOf(tenant)?.find(id);
      const found = (direct && view(direct)) ?? unreadableOf(tenant).find((each) => each.id === id);
      if (found) return found;
      const named = [...(shelfOf(tenant)?.inOrder() ?? [])]
        .filter((cell) => cell.committed && specs.get(cell.address).name === idOrName)
        .flatMap((cell) => view(cell) ?? [])
        .concat(unreadableOf(tenant).filter(({ spec }) => spec.name === idOrName));
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
    *containers({ tenant }) {
      const cells = shelfOf(tenant)?.inOrder() ?? [];
      const others = unreadableOf(tenant);
      if (others.length > 0) {
        const all = [...cells].flatMap((cell) => view(cell) ?? []).concat(others);
        yield* all.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      } else {
        for (const cell of cells) {
          const each = view(cell);
          if (each) yield each;
        }
      }
    },
    snapshot({ kinds, tenant, id }) {
      const items: WatchSnapshotItem[] = [];
      for (const kind of kinds ?? actorKinds) {
        for (const cell of cellsOf(kind, tenant)) {
          const each = id === null || parseAddress(cell.address).id === id ? item(cell) : null;
          if (each) items.push(each);
        }
        if (kind !== 'container') continue;
        for (const {
          address,
          revision,
          status,
          taskState,
          reason,
          statePaths,
          since,
          ...rest
        } of unreadableOf(tenant))
          if (id === null || id === rest.id)
            items.push({ address, revision, status, taskState, reason, statePaths, since });
      }
      return items;
    },
    label(address) {
      const context = runtime().cell(address)?.committed?.record.context as Partial<Labelled> | undefined;
      const kind = kindOf(address);
      const host = context?.hostname ?? null;
      if (kind === 'host') return { name: host, host: null };
      if (kind === 'tenant') return { name: null, host: null };
      // A pool is of its networks, on its host.
      if (kind === 'pool')
        return { name: networksKey(context?.networks ?? []), host: hostnameOf(context?.hostId) };
      if (kind !== 'container' && kind !== 'capsule')
        return { name: context?.name ?? null, host: hostnameOf(context?.hostId) };
      const unread = unreadable().find((each) => each.address === address);
      if (unread) return { name: unread.spec.name, host: unread.hostname };
      return { name: context ? specs.get(address).name : null, host };
    },
    add(cell) {
      const { kind, tenant } = parseAddress(cell.address);
      if (kind !== 'container' || tenant === null) return;
      byId.add(cell);
      let mine = byTenant.get(tenant);
      if (!mine) byTenant.set(tenant, (mine = createShelf()));
      mine.add(cell);
    },
    remove(address) {
      const { id, tenant } = parseAddress(address);
      byId.remove(id);
      made.delete(address);
      if (tenant !== null) byTenant.get(tenant)?.remove(id);
      specs.forget(address);
    },
  };
}

/** What is shown of an actor; one that was given up is in no state that anybody knows. */
function statusOf({ committed, quarantined }: Cell): Pick<ContainerView, 'status' | 'taskState' | 'reason'> {
  const { status, taskState, reason } = committed!.projection;
  return quarantined
    ? { status: 'Unknown', taskState: null, reason: `Quarantined: ${quarantined.reason}` }
    : { status, taskState, reason };
}

/** Containers in order of their creation, whatever the order in which a start found them. */
interface Shelf {
  find(id: string): Cell | undefined;
  inOrder(): Iterable<Cell>;
  add(cell: Cell): void;
  remove(id: string): void;
}

function createShelf(): Shelf {
  let cells = new Map<string, Cell>();
  let last: Cell | null = null;
  let isSorted = true;
  return {
    find: (id) => cells.get(id),
    inOrder() {
      if (!isSorted) {
        cells = new Map([...cells].sort(([, a], [, b]) => byCreation(a, b)));
        isSorted = true;
      }
      return cells.values();
    },
    add(cell) {
      if (last && byCreation(last, cell) > 0) isSorted = false;
      else last = cell;
      cells.set(parseAddress(cell.address).id, cell);
    },
    remove: (id) => void cells.delete(id),
  };
}

function byCreation(a: Cell, b: Cell): number {
  const earlier = (a.committed?.record.createdAt ?? 0) - (b.committed?.record.createdAt ?? 0);
  return earlier || (a.address < b.address ? -1 : 1);
}

/** A UUID in any spelling (dashed or not, any case) as we write it, or null. As oslo's is_uuid_like. */
export function canonicalUuid(text: string): string | null {
  const hex = text.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
