/** A real Troupe for a test: its own processes, directory, port and world on the real engine; nothing is left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { request } from 'undici';
import { removeRemains } from './host-remains.ts';
import { freePort } from './redis.ts';

export const testImage = 'troupe/busybox:local';
export const docker = new Docker({ socketPath: '/var/run/docker.sock' });

export type Json = Record<string, unknown> & { uuid: string; status: string };

export interface Api {
  readonly url: string;
  readonly token: string;
  /** Null while nobody answers. */
  call<T = Json>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T } | null>;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until `done` says so; the deadline is for a test that would hang. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  ms = 60_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`${what} did not come within ${ms} ms; last: ${JSON.stringify(answer)}`);
    await pause(20);
  }
}

export interface TestSite {
  readonly directory: string;
  readonly api: Api;
  /** Settings as `--set` takes them. */
  readonly settings: readonly string[];
  /** Starts `node <script>` with the site's settings. */
  start(script: string, args?: readonly string[], environment?: Record<string, string>): ChildProcess;
  /** Kills what is left of its processes, and removes its directory. */
  clean(): Promise<void>;
}

/** @param socket of the engine that its agents use */
export async function createSite(settings: readonly string[] = [], socket?: string): Promise<TestSite> {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-site-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const all = [`state.directory=${directory}`, `api.port=${port}`, ...settings];
  const children = new Set<ChildProcess>();
  const token = (): string => readFileSync(join(directory, 'admin.token'), 'utf8').trim();
  return {
    directory,
    settings: all,
    api: {
      url,
      get token() {
        return token();
      },
      async call<T>(
        method: 'GET' | 'POST' | 'DELETE',
        path: string,
        body?: object,
        headers: Record<string, string> = {},
      ) {
        try {
          const answer = await request(`${url}${path}`, {
            method,
            headers: {
              'x-auth-token': token(),
              'openstack-api-version': 'container 1.40',
              'content-type': 'application/json',
              ...headers,
            },
            ...(body ? { body: JSON.stringify(body) } : {}),
          });
          const text = await answer.body.text();
          return { status: answer.statusCode, body: (text === '' ? null : JSON.parse(text)) as T };
        } catch {
          return null;
        }
      },
    },
    start(script, args = [], environment = {}) {
      const child = spawn(process.execPath, [script, ...args], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      children.add(child);
      return child;
    },
    async clean() {
      await Promise.all(
        [...children].map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          await gone;
        }),
      );
      await removeRemains(directory, socket);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
