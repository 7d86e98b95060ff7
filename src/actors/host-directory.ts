/**
 * Hosts as the scheduler and the APIs see them: committed host actors joined
 * with what their links report. Kept as they are seen, since each placement
 * looks at them all and few have changed since the last.
 */
import type { HostContext } from '../machines/host/context.ts';
import { warmMemoryOf } from '../machines/host/warm.ts';
import { hostViewOf } from '../machines/host/view.ts';
import { hostAddress, parseAddress, type Address } from '../model/address.ts';
import type { HostView, HostDetail, PoolView } from '../model/host.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';

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

export function createHostDirectory(runtime: () => Runtime): HostDirectory {
  const images = new Map<string, ReadonlySet<string>>();
  const details = new Map<Address, HostDetail>();
  /** Not looked at since they changed. */
  const stale = new Set<Address>();
  let all: readonly HostDetail[] = [];
  const none: ReadonlySet<string> = new Set();
  const detail = (cell: Cell): HostDetail | null => {
    const state = cell.committed;
    if (!state) return null;
    const context = state.record.context as HostContext;
    return {
      ...hostViewOf(context, state.paths, images.get(context.id) ?? none),
      address: cell.address,
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

  const list = (): readonly HostDetail[] => {
    if (stale.size === 0) return all;
    for (const address of stale) {
      const cell = runtime().cell(address);
      const seen = cell ? detail(cell) : null;
      if (seen) details.set(address, seen);
      else {
        details.delete(address);
        images.delete(parseAddress(address).id);
      }
    }
    stale.clear();
    all = [...details.values()];
    return all;
  };
  return {
    list,
    views: list,
    setImages(hostId, references) {
      images.set(hostId, new Set(references));
      stale.add(hostAddress(hostId));
    },
    changed: (address) => void stale.add(address),
  };
}
