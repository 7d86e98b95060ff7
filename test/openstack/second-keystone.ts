/** One more Keystone over the same users, keys and tokens, which a test may kill. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from '../support/redis.ts';
import { until } from '../support/troupe.ts';
import { cloudFolder } from './cloud.ts';

export interface SecondKeystone {
  readonly authUrl: string;
  /** Resolves once it answers. */
  start(): Promise<void>;
  kill(): Promise<void>;
}

/** @param expirationSeconds of the tokens that it gives */
export async function createSecondKeystone(t: Test, expirationSeconds: number): Promise<SecondKeystone> {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-keystone-'));
  const port = await freePort();
  const authUrl = `http://127.0.0.1:${port}/v3`;
  const own = join(directory, 'own.conf');
  writeFileSync(own, `[token]\nexpiration = ${expirationSeconds}\n`);
  chmodSync(directory, 0o755);
  const folder = join(cloudFolder, 'keystone');
  let running: ChildProcess | null = null;

  const keystone: SecondKeystone = {
    authUrl,
    async start() {
      const identity = ['--reuid', 'keystone', '--regid', 'keystone', '--clear-groups'];
      const server = [
        'uwsgi_python3',
        '--ini',
        join(folder, 'uwsgi.ini'),
        '--http-socket',
        `127.0.0.1:${port}`,
      ];
      const child = spawn('setpriv', [...identity, ...server], {
        env: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          LC_ALL: 'C.UTF-8',
          OS_KEYSTONE_CONFIG_FILES: `${join(folder, 'keystone.conf')};${own}`,
        },
        stdio: 'ignore',
        detached: true,
      });
      running = child;
      await until(
        'Keystone',
        async () =>
          child.exitCode === null
            ? fetch(authUrl).then(
                ({ ok }) => ok,
                () => false,
              )
            : Promise.reject(new Error('Keystone has ended')),
        (ok) => ok,
      );
    },
    async kill() {
      const child = running;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      // Its workers, too: they are of its group.
      process.kill(-child.pid!, 'SIGKILL');
      await gone;
      running = null;
    },
  };
  t.teardown(async () => {
    await keystone.kill();
    rmSync(directory, { recursive: true, force: true });
  });
  return keystone;
}
