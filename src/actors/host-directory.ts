/**
 * Hosts as the scheduler and the APIs see them: committed host actors joined
 * with what their links report. Kept as they are seen, since each placement
 * looks at them all and few have changed since the last.
 */
import type { HostContext } from '../machines/host/context.ts';
import { warmMemoryOf } from '../machines/host/warm.ts';
import { hostViewOf } from '../machines/host/view.ts';
import { hostAddress, parseAddress, type Address } from '../model/address.ts';
import type { HostDetail, HostView, PoolView } from '../model/host.ts';
import type { Runtime } from './runtime.ts';
import type { ActorState } from './turn.ts';

export interface HostDirectory {
  list(): readonly HostDetail[];
  views(): readonly HostView[];
  setImages(hostId: string, images: readonly string[]): void;
  /** The actor has a new committed state. */
  changed(address: Address): void;
}

/** @see readyKey: `<tenant>/<host>.<networks>` */
const poolsOf = ({ id, ready }: HostContext): readonly PoolView[] =>
  Object.entries(ready).map(([key, ids]) => {
    const [tenant = '', pool = ''] = key.split('/');
    return { tenant, networks: pool.slice(id.length + 1), ready: ids.length };
  });

/** What was made of the last state of each host; anew when it is asked for after a change. */
interface Seen<T> {
  all(): readonly T[];
  changed(address: Address): void;
}

/** @param look null for one that is no more */
function createSeen<T>(look: (address: Address) => T | null): Seen<T> {
  const seen = new Map<Address, T>();
  const stale = new Set<Address>();
  let all: readonly T[] = [];
  return {
    all() {
      if (stale.size === 0) return all;
      for (const address of stale) {
        const now = look(address);
        if (now) seen.set(address, now);
        else seen.delete(address);
      }
      stale.clear();
      all = [...seen.values()];
      return all;
    },
    changed: (address) => void stale.add(address),
  };
}

export function createHostDirectory(runtime: () => Runtime): HostDirectory {
  const images = new Map<string, ReadonlySet<string>>();
  const none: ReadonlySet<string> = new Set();
  const contextOf = ({ record }: ActorState): HostContext => record.context as HostContext;
  const viewOf = (state: ActorState): HostView => {
    const context = contextOf(state);
    return hostViewOf(context, state.paths, images.get(context.id) ?? none);
  };
  const detailOf = (state: ActorState, address: Address): HostDetail => {
    const context = contextOf(state);
    return {
      ...viewOf(state),
      address,
      status: state.projection.status,
      statePaths: state.paths,
      reason: state.projection.reason,
      cordonedFor: context.cordonedFor,
      since: state.record.since,
      createdAt: state.record.createdAt,
      updatedAt: state.record.updatedAt,
      fingerprint: context.fingerprint,
      pools: poolsOf(context),
      warmMemory: warmMemoryOf(context),
    };
  };
  const ofEach = <T>(of: (state: ActorState, address: Address) => T): Seen<T> =>
    createSeen((address) => {
      const state = runtime().cell(address)?.committed;
      if (state) return of(state, address);
      images.delete(parseAddress(address).id);
      return null;
    });
  // Apart, since placements look at a hundred views each: these are small, and lie together.
  const views = ofEach(viewOf);
  const details = ofEach(detailOf);
  const changed = (address: Address): void => {
    views.changed(address);
    details.changed(address);
  };
  return {
    list: details.all,
    views: views.all,
    setImages(hostId, references) {
      images.set(hostId, new Set(references));
      changed(hostAddress(hostId));
    },
    changed,
  };
}
