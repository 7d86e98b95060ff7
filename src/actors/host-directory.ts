/**
 * Hosts as the scheduler and the APIs see them: committed host actors joined
 * with what their links report. Kept as they are seen, since each placement
 * looks at them all and few have changed since the last.
 */
import type { HostContext } from '../machines/host/context.ts';
import { hostAddress, parseAddress, type Address } from '../model/address.ts';
import type { HostView } from '../model/host.ts';
import type { HostDetail } from './index.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';

export interface HostDirectory {
  list(): readonly HostDetail[];
  views(): readonly HostView[];
  setImages(hostId: string, images: readonly string[]): void;
  /** The actor has a new committed state. */
  changed(address: Address): void;
}

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
    const { fingerprint, totals } = context;
    const { id } = parseAddress(cell.address);
    return {
      address: cell.address,
      id,
      hostname: context.hostname,
      online: state.paths.includes('link.online'),
      expected: state.paths.includes('link.suspect') || state.paths.includes('link.syncing'),
      open: state.paths.includes('admission.open'),
      engineUp: fingerprint?.engineUp ?? false,
      availabilityZone: context.availabilityZone,
      runtimes: fingerprint?.runtimes ?? [],
      labels: fingerprint?.labels ?? {},
      capacity: {
        cpuMillis: (fingerprint?.cpus ?? 0) * 1000,
        memoryMib: fingerprint?.memoryMib ?? 0,
        diskGib: fingerprint?.diskGib ?? 0,
      },
      used: totals,
      tenants: context.tenants,
      images: images.get(id) ?? none,
      status: state.projection.status,
      statePaths: state.paths,
      reason: state.projection.reason,
      since: state.record.since,
      fingerprint,
    };
  };

  const list = (): readonly HostDetail[] => {
    if (stale.size === 0) return all;
    for (const address of stale) {
      const cell = runtime().cell(address);
      const seen = cell ? detail(cell) : null;
      if (seen) details.set(address, seen);
      else details.delete(address);
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
