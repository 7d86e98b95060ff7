/** A whole Troupe in a process of its own on the machine's real engine, and that engine spoken to directly. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import Docker from 'dockerode';
import { request } from 'undici';
import { removeRemains } from '../test/support/host-remains.ts';
import { adminToken, configOf, pause, siteFlags } from './site.ts';
import type { Watcher } from './watcher.ts';

/** Built from this machine's busybox (`bin/lib/image.sh`). */
export const image = 'troupe/busybox:local';
export const command = ['sleep', '600'];
export const memoryMib = 32;

export interface StartedContainer {
  readonly uuid: string;
  /** Resolves when it is gone from the engine. */
  remove(): Promise<void>;
}

export interface RealSite {
  readonly url: string;
  readonly token: string;
  readonly docker: Docker;
  /** Through the REST API. Resolves once the watcher was told that it runs. */
  start(watcher: Watcher): Promise<StartedContainer>;
  /** Sandboxes that wait for containers now. */
  ready(): Promise<number>;
  stop(): Promise<void>;
}

export async function openRealSite(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<RealSite> {
  const flags = await siteFlags(directory, settings);
  const config = configOf(flags);
  const docker = new Docker({ socketPath: config.engine.socket });
  const child = spawn(
    process.execPath,
    [...process.execArgv, join(import.meta.dirname, 'real-site-process.js'), JSON.stringify(flags)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  await once(child, 'message');
  const token = adminToken(config);
  const url = `http://${config.api.host}:${config.api.port}`;
  const headers = {
    'x-auth-token': token,
    'openstack-api-version': 'container 1.40',
    'content-type': 'application/json',
  };
  return {
    url,
    token,
    docker,
    async start(watcher) {
      const answer = await request(`${url}/v1/containers?run=true`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ image, command, memory: memoryMib }),
      });
      const { uuid } = (await answer.body.json()) as { uuid: string };
      await watcher.seen(uuid, 'Running');
      return {
        uuid,
        async remove() {
          const reply = await request(`${url}/v1/containers/${uuid}?force=true`, {
            method: 'DELETE',
            headers,
          });
          await reply.body.dump();
          const filters = { label: [`troupe.container-id=${uuid}`] };
          while ((await docker.listContainers({ all: true, filters })).length > 0) await pause(20);
        },
      };
    },
    async ready() {
      const answer = await request(`${url}/v1/hosts`, { headers });
      const { hosts } = (await answer.body.json()) as { hosts: { pools: { ready: number }[] }[] };
      return hosts.flatMap(({ pools }) => pools).reduce((sum, { ready }) => sum + ready, 0);
    },
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
      await removeRemains(directory, config.engine.socket);
    },
  };
}
