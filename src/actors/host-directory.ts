/** Hosts as the scheduler and the APIs see them: committed host actors joined with what their links report. */
import type { HostContext } from '../machines/host/context.ts';
import { parseAddress } from '../model/address.ts';
import type { HostView } from '../model/host.ts';
import type { HostDetail } from './index.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';

export interface HostDirectory {
  list(): readonly HostDetail[];
  views(): readonly HostView[];
  setImages(hostId: string, images: readonly string[]): void;
}

export function createHostDirectory(runtime: () => Runtime): HostDirectory {
  const images = new Map<string, ReadonlySet<string>>();
  const none: ReadonlySet<string> = new Set();
  const detail = (cell: Cell): HostDetail | null => {
    const state = cell.committed;
    if (!state) return null;
    const context = state.record.context as HostContext;
    const { fingerprint, totals } = context;
    return {
      address: cell.address,
      id: parseAddress(cell.address).id,
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
      images: images.get(parseAddress(cell.address).id) ?? none,
      status: state.projection.status,
      statePaths: state.paths,
      reason: state.projection.reason,
      since: state.record.since,
      fingerprint,
    };
  };

  const list = (): readonly HostDetail[] =>
    [...runtime().cellsOf('host').values()].flatMap((cell) => detail(cell) ?? []);
  return {
    list,
    views: list,
    setImages: (hostId, references) => void images.set(hostId, new Set(references)),
  };
}
