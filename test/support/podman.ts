/** A Podman for one test: its own folder, storage, network and socket; nothing is left behind. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { projectFolder } from './docker.ts';

const execute = promisify(execFile);

export interface TestPodman {
  readonly folder: string;
  readonly socketPath: string;
  readonly docker: Docker;
  /** Kills the service; containers live on. */
  kill(): Promise<void>;
  /** Starts the service again. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Installed where it is missing, started, and given the test image, by the scripts that users run. */
export async function startPodman(): Promise<TestPodman> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-podman-'));
  const socketPath = join(folder, 'podman.sock');
  await run('ensure_podman "$1"; DOCKER_HOST="unix://$1/podman.sock" ensure_local_image', folder);
  return {
    folder,
    socketPath,
    docker: new Docker({ socketPath }),
    async kill() {
      const pid = Number(await readFile(join(folder, 'podman.pid'), 'utf8'));
      process.kill(pid, 'SIGKILL');
    },
    start: () => run('ensure_podman "$1"', folder),
    stop: () => run('stop_podman "$1"', folder),
  };
}

async function run(command: string, folder: string): Promise<void> {
  const lib = join(projectFolder(), 'bin', 'lib');
  const script = `set -euo pipefail; for part in packages engine image podman; do . "$0/$part.sh"; done; ${command}`;
  await execute('bash', ['-c', script, lib, folder]);
}
