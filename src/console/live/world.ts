/** All actors that the session may see, as last told by the watch. */
import { signal } from '@preact/signals';
import { later, now } from '../browser.ts';
import type { WatchChange, WatchSnapshotItem } from './watch.ts';

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

export function takeSnapshot(snapshot: readonly WatchSnapshotItem[]): void {
  items.clear();
  for (const { project_id: project, name, ...item } of snapshot)
    items.set(keyOf(item.kind, item.id), { ...item, project, name: name ?? item.id });
  told(null);
}

export function takeChange({ kind, id, to, from, at, ended, ...change }: WatchChange): void {
  const key = keyOf(kind, id);
  const before = items.get(key);
  if (ended) items.delete(key);
  else {
    items.set(key, {
      kind,
      id,
      project: change.project_id,
      name: change.name ?? before?.name ?? id,
      host: change.host,
      status: change.status,
      taskState: change.taskState,
      reason: change.reason,
      statePaths: to,
      revision: change.revision,
      since: before && to.join() === from.join() ? before.since : at,
    });
  }
  told(key);
}

export function forgetWorld(): void {
  items.clear();
  told(null);
}

function told(key: string | null): void {
  for (const listener of listeners) listener(key);
  redraw ??= later(redrawMs, () => {
    redraw = null;
    worldRevision.value += 1;
  });
}

/** What an age is counted from: never in the future, whatever the two clocks say. */
export const ageMs = (since: number, at = now()): number => Math.max(0, at - since);
