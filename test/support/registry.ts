/** A registry of a test's own on 127.0.0.1, which Docker speaks plain HTTP to: its folder, its port, its users; always stopped. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { freePort } from './redis.ts';
import { program } from './run-program.ts';
import { docker, testImage, until } from './troupe.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface TestRegistry {
  /** `127.0.0.1:<port>` */
  readonly domain: string;
  /** Puts the test image there; returns its whole reference, which is not on the engine afterwards. */
  push(repository: string): Promise<string>;
  stop(): Promise<void>;
}

/** @param login who may come in; null = everybody */
export async function startRegistry(login: Login | null): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-registry-'));
  const domain = `127.0.0.1:${await freePort()}`;
  const users = join(folder, 'users');
  if (login) await writeFile(users, await program('htpasswd', '-nbB', login.username, login.password));
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: domain },
    ...(login ? { auth: { htpasswd: { realm: 'test', path: users } } } : {}),
  };
  // JSON is YAML, too.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await until(
    'the registry',
    () =>
      request(`http://${domain}/v2/`).then(
        ({ statusCode, body }) => body.dump().then(() => statusCode),
        () => 0,
      ),
    (status) => status === (login ? 401 : 200),
  );
  return {
    domain,
    async push(repository) {
      const reference = `${domain}/${repository}`;
      const at = reference.lastIndexOf(':');
      await docker.getImage(testImage).tag({ repo: reference.slice(0, at), tag: reference.slice(at + 1) });
      const image = docker.getImage(reference);
      const progress = await image.push({ authconfig: { ...login, serveraddress: domain } });
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve())),
      );
      await image.remove();
      return reference;
    },
    async stop() {
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
