/** The machine's Docker engine, for tests: everything they make carries their world's label and is removed by it. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { ContainerSpec } from '../../src/model/container.ts';

const execute = promisify(execFile);

export const dockerSocket = '/var/run/docker.sock';
/** Built from the machine's static busybox: tests need no registry. */
export const testImage = 'troupe/busybox:local';

/** Starts the engine and makes the image where they are missing, by the scripts that users run. */
export async function ensureDocker(): Promise<Docker> {
  const lib = join(projectFolder(), 'bin', 'lib');
  const script = `set -euo pipefail; for part in packages engine image; do . "$0/$part.sh"; done; ensure_engine; ensure_local_image`;
  await execute('bash', ['-c', script, lib]);
  return new Docker({ socketPath: dockerSocket });
}

/** A world no other test has; nothing of it is left after `removeWorld`. */
export function newWorldId(): string {
  return `test-${randomUUID()}`;
}

export async function removeWorld(docker: Docker, worldId: string): Promise<void> {
  const left = await docker.listContainers({
    all: true,
    filters: JSON.stringify({ label: [`troupe.world=${worldId}`] }),
  });
  await Promise.all(
    left.map(({ Id }) =>
      docker
        .getContainer(Id)
        .remove({ force: true, v: true })
        .catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
        }),
    ),
  );
}

/** A spec that asks for nothing but a container of the test image that sleeps. */
export function testSpec(changes: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'test',
    userId: 'u1',
    image: testImage,
    imageReference: null,
    registryId: null,
    imageDriver: 'docker',
    stored: null,
    imagePullPolicy: 'never',
    command: ['sleep', '300'],
    entrypoint: null,
    workdir: null,
    environment: {},
    labels: {},
    hints: {},
    cpu: null,
    memoryMib: null,
    diskGib: 0,
    pidsLimit: 0,
    interactive: false,
    tty: false,
    hostname: null,
    runtime: null,
    restartPolicy: null,
    autoRemove: false,
    autoHeal: false,
    healthcheck: null,
    availabilityZone: null,
    requestedHost: null,
    networks: [],
    published: [],
    mounts: [],
    files: [],
    ...changes,
  };
}

/** Where package.json is: tests run from a folder that a compiler made. */
export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
