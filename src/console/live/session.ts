/** Who is logged in, and the connection that follows from it. */
import { signal } from '@preact/signals';
import { later, now, tokenStore } from '../browser.ts';
import { ApiError, callApi, type HostInfo, type Identity, type TenantInfo } from './api.ts';
import { watch } from './watch.ts';
import { forgetWorld, onChange, takeChange, takeSnapshot } from './world.ts';

export interface Session {
  readonly token: string;
  readonly identity: Identity;
}

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly why: string; readonly since: number };

export const session = signal<Session | null>(null);
export const connection = signal<Connection>({ state: 'connecting' });
/** Null until they were told; hosts are told to admins only. */
export const hosts = signal<readonly HostInfo[] | null>(null);
export const tenants = signal<readonly TenantInfo[] | null>(null);
/** What the log-in page says. */
export const loginProblem = signal<string | null>(null);
export const isLoggingIn = signal(false);

let ending = new AbortController();

/** With the token that this tab has kept, if it has. */
export async function resumeSession(): Promise<void> {
  const token = tokenStore.read();
  if (token !== null) await logIn(token);
}

export async function logIn(token: string): Promise<void> {
  isLoggingIn.value = true;
  loginProblem.value = null;
  try {
    const identity = await callApi<Identity>(token, 'GET', '/v1/identity');
    tokenStore.write(token);
    begin({ token, identity });
  } catch (error) {
    const isUnknown = error instanceof ApiError && error.status === 401;
    if (isUnknown) tokenStore.clear();
    loginProblem.value = isUnknown ? 'This token is not known, or it has expired.' : (error as Error).message;
  } finally {
    isLoggingIn.value = false;
  }
}

export function logOut(problem: string | null = null): void {
  ending.abort();
  tokenStore.clear();
  session.value = null;
  hosts.value = null;
  tenants.value = null;
  loginProblem.value = problem;
  forgetWorld();
}

/** Asks in the session's name. @throws ApiError */
export const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
  callApi<T>(session.value?.token ?? '', method, path, body).catch((error: unknown) => {
    if (session.value && error instanceof ApiError && error.status === 401) logOut(ended);
    throw error;
  });

/** The address goes on to say what was looked at. */
const ended = 'Your token has expired, or was revoked. Log in again to go on where you were.';

function begin(next: Session): void {
  ending.abort();
  ending = new AbortController();
  const { signal: over } = ending;
  session.value = next;
  connection.value = { state: 'connecting' };
  watch(
    next.token,
    next.identity.admin,
    {
      snapshot: takeSnapshot,
      change: takeChange,
      live: () => (connection.value = { state: 'live' }),
      lost(why) {
        const { value } = connection;
        connection.value = { state: 'lost', why, since: value.state === 'lost' ? value.since : now() };
      },
      unauthorised: () => logOut(ended),
    },
    over,
  );
  const stopHosts = next.identity.admin
    ? follow(
        'host/',
        async () => (hosts.value = (await call<{ hosts: readonly HostInfo[] }>('GET', '/v1/hosts')).hosts),
      )
    : (): void => {};
  const stopTenants = follow(
    'tenant/',
    async () =>
      (tenants.value = (await call<{ tenants: readonly TenantInfo[] }>('GET', '/v1/tenants')).tenants),
  );
  over.addEventListener('abort', () => (stopHosts(), stopTenants()), { once: true });
}

/** How soon figures follow the changes they are made of, ms. */
const figuresMs = 500;

/** Reads figures anew when an actor they are about has changed, not more often than makes sense. */
function follow(prefix: string, read: () => Promise<unknown>): () => void {
  let due: (() => void) | null = null;
  return onChange((key) => {
    if (key !== null && !key.startsWith(prefix)) return;
    due ??= later(key === null ? 0 : figuresMs, () => {
      due = null;
      // Once the connection is back everything is told anew.
      read().catch(() => {});
    });
  });
}
