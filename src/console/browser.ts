/** What the console takes of the browser's world: clock, timers, network, storage. Nothing else reaches for them. */
import { signal } from '@preact/signals';

export const now = (): number => Date.now();

/** @returns how to call it off */
export function later(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Epoch ms, each second: what is read from it is drawn anew. */
export const clock = signal(Date.now());
setInterval(() => (clock.value = Date.now()), 1_000);

export const request = (path: string, init: RequestInit): Promise<Response> =>
  fetch(path, { ...init, credentials: 'omit', redirect: 'error' });

const socketUrl = (path: string): string =>
  `${location.protocol.replace('http', 'ws')}//${location.host}${path}`;

export const openSocket = (path: string): WebSocket => new WebSocket(socketUrl(path));

/** As far as we use it. @see https://github.com/ricea/websocketstream-explainer */
export interface SocketStream {
  readonly opened: Promise<{
    readonly readable: ReadableStream<ArrayBuffer | Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  }>;
  /** Rejects with the same when it was cut. */
  readonly closed: Promise<{ readonly closeCode: number; readonly reason: string }>;
  close(info: { readonly closeCode: number }): void;
}

/** A socket that is read only as fast as it is taken from; null where the browser has none. */
export function openSocketStream(path: string): SocketStream | null {
  const { WebSocketStream: Stream } = window as { WebSocketStream?: new (url: string) => SocketStream };
  return Stream ? new Stream(socketUrl(path)) : null;
}

/** For this tab alone, gone when it is closed. */
export const tokenStore = {
  read: (): string | null => sessionStorage.getItem('troupe.token'),
  write: (token: string): void => sessionStorage.setItem('troupe.token', token),
  clear: (): void => sessionStorage.removeItem('troupe.token'),
};

/** Whether terminals are read aloud by a screen reader. */
export const readsAloudStore = {
  read: (): boolean => localStorage.getItem('troupe.reads-aloud') === 'yes',
  write: (is: boolean): void => localStorage.setItem('troupe.reads-aloud', is ? 'yes' : 'no'),
};

export type Theme = 'system' | 'light' | 'dark';

export const themeStore = {
  read: (): Theme => {
    const kept = localStorage.getItem('troupe.theme');
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  },
  write: (theme: Theme): void => localStorage.setItem('troupe.theme', theme),
};

/** Called when the system goes from light to dark, or back. @returns how to end that */
export function onColourScheme(changed: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: dark)');
  query.addEventListener('change', changed);
  return () => query.removeEventListener('change', changed);
}

/** Offers text as a file to be kept. */
export function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Whether anybody may be looking. */
export const isInSight = (): boolean => document.visibilityState === 'visible';

/** Called when the page comes in sight or leaves it. @returns how to end that */
export function onSight(changed: () => void): () => void {
  document.addEventListener('visibilitychange', changed);
  return () => document.removeEventListener('visibilitychange', changed);
}
