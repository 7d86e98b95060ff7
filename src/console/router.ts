/** What is shown, as the address says it: `#/container/<id>?at=12`. Every view has a link. */
import { signal } from '@preact/signals';

export interface Route {
  /** Empty for the overview. */
  readonly path: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#/, '').split('?');
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent),
    query: new Map(new URLSearchParams(query)),
  };
}

export const route = signal<Route>(read());
addEventListener('hashchange', () => (route.value = read()));

/** Null when the address does not say. */
export const asked = (name: string): string | null => route.value.query.get(name) ?? null;

export function linkTo(path: readonly string[], query: Readonly<Record<string, string | null>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== null);
  const text = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

/** The same view with something else chosen in it; no step in the browser's history. */
export function choose(changes: Readonly<Record<string, string | null>>): void {
  const { path, query } = route.value;
  history.replaceState(null, '', linkTo(path, { ...Object.fromEntries(query), ...changes }));
  route.value = read();
}
