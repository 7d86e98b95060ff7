/** All actors that the session may see, as last told by the watch. */
import { signal } from '@preact/signals';
import { later, now } from '../browser.ts';
import type { Watched, WatchedChange, WatchSnapshotItem } from '../../model/watch.ts';

export interface Item {
  readonly kind: string;
  readonly id: string;
  readonly project: string | null;
  readonly name: string;
  readonly host: string | null;
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  readonly statePaths: readonly string[];
  readonly revision: number;
  /** Epoch ms: in these states since. */
  readonly since: number;
}

/** Several projects have a pool of the same id: theirs go by the project, too. */
const idOf = (kind: string, id: string, project: string | null): string =>
  kind === 'pool' && project !== null ? `${project}/${id}` : id;

export const keyOf = (kind: string, id: string): string => `${kind}/${id}`;

/** How often what shows many actors is drawn anew at most, ms. */
const redrawMs = 100;

const items = new Map<string, Item>();
const listeners = new Set<(key: string | null) => void>();
let redraw: (() => void) | null = null;

/** Rises when anything has changed, some times a second at most. */
export const worldRevision = signal(0);

/** Called for each change at once; with null when everything may have changed. @returns how to end that */
export function onChange(listener: (key: string | null) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export const itemOf = (kind: string, id: string): Item | undefined => items.get(keyOf(kind, id));

export function allItems(): IterableIterator<Item> {
  return items.values();
}

export function takeSnapshot(snapshot: readonly Watched<WatchSnapshotItem>[]): void {
  items.clear();
  for (const { project_id: project, name, ...item } of snapshot) {
    const id = idOf(item.kind, item.id, project);
    items.set(keyOf(item.kind, id), { ...item, id, project, name: name ?? item.id });
  }
  tell(null);
}

export function takeChange({ kind, id: told, to, from, at, ended, ...change }: WatchedChange): void {
  const id = idOf(kind, told, change.project_id);
  const key = keyOf(kind, id);
  const before = items.get(key);
  if (ended) items.delete(key);
  else {
    items.set(key, {
      kind,
      id,
      project: change.project_id,
      name: change.name ?? before?.name ?? told,
      host: change.host,
      status: change.status,
      taskState: change.taskState,
      reason: change.reason,
      statePaths: to,
      revision: change.revision,
      since: before && to.join() === from.join() ? before.since : at,
    });
  }
  tell(key);
}

export function forgetWorld(): void {
  items.clear();
  tell(null);
}

function tell(key: string | null): void {
  for (const listener of listeners) listener(key);
  redraw ??= later(redrawMs, () => {
    redraw = null;
    worldRevision.value += 1;
  });
}

/** What an age is counted from: never in the future, whatever the two clocks say. */
export const ageMs = (since: number, at = now()): number => Math.max(0, at - since);
