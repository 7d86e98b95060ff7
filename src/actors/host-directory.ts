/** Hosts as the scheduler and the APIs see them: committed host actors joined with what their links report. */
import type { HostContext } from '../machines/host/context.ts';
import { hostViewOf } from '../machines/host/view.ts';
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
    return {
      ...hostViewOf(context, state.paths, images.get(context.id) ?? none),
      address: cell.address,
      status: state.projection.status,
      statePaths: state.paths,
      reason: state.projection.reason,
      since: state.record.since,
      fingerprint: context.fingerprint,
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
