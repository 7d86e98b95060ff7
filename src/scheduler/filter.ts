/** What a filter is, and the words they share. */
import type { HostView } from '../model/host.ts';
import type { PlacementRequest, Question } from './request.ts';

export interface Filter {
  readonly name: string;
  /** False when the request asks nothing that this filter looks at. */
  applies(request: PlacementRequest): boolean;
  check(host: HostView, question: Question): boolean;
  /** Of the hosts that `check` refused, at least one: why, and what would make one fit. */
  explain(refused: readonly HostView[], question: Question): string;
  /** A host refused now that may pass soon without anybody's doing. Absent = never. */
  mayPass?(host: HostView, question: Question): boolean;
}

const namedMost = 3;

/** `"a", "b"`, of many the first and how many more. */
const list = (first: readonly string[], count: number): string => {
  const named = first.map((text) => `"${text}"`).join(', ');
  return count > first.length ? `${named} and ${count - first.length} more` : named;
};

/** Each text once. */
export function quoted(texts: Iterable<string>): string {
  const all = new Set(texts);
  return list([...all].slice(0, namedMost), all.size);
}

export const hostnames = (hosts: readonly HostView[]): string =>
  list(
    hosts.slice(0, namedMost).map(({ hostname }) => hostname),
    hosts.length,
  );

/** By what they have in common, in the order of its first appearance. */
export function grouped<T>(hosts: readonly HostView[], by: (host: HostView) => T): Map<T, HostView[]> {
  const groups = new Map<T, HostView[]>();
  for (const host of hosts) {
    const key = by(host);
    const group = groups.get(key);
    if (group) group.push(host);
    else groups.set(key, [host]);
  }
  return groups;
}
