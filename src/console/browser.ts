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

export const openSocket = (path: string): WebSocket =>
  new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}${path}`);

/** For this tab alone, gone when it is closed. */
export const tokenStore = {
  read: (): string | null => sessionStorage.getItem('troupe.token'),
  write: (token: string): void => sessionStorage.setItem('troupe.token', token),
  clear: (): void => sessionStorage.removeItem('troupe.token'),
};

export type Theme = 'system' | 'light' | 'dark';

export const themeStore = {
  read: (): Theme => {
    const kept = localStorage.getItem('troupe.theme');
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  },
  write: (theme: Theme): void => localStorage.setItem('troupe.theme', theme),
};

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
