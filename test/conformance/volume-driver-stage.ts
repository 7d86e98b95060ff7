/** What the contract of volume drivers needs of a driver, and what each of its tests stands on. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type {
  FileSpec,
  VolumeDriver,
  VolumeKind,
  VolumeSpec,
} from '../../src/drivers/volume/volume-driver.ts';
import { program } from '../support/run-program.ts';

export interface VolumesUnderTest {
  readonly driver: VolumeDriver;
  readonly worldId: string;
  /** Where the driver keeps volumes. */
  readonly directory: string;
  /** How it keeps a volume to its size there. */
  readonly sized: Exclude<VolumeKind, 'folder' | 'file'>;
  /** Another driver for the same folder, as after a crash of the agent. */
  again(): VolumeDriver;
  /** Limits of projects that are set, by number; empty where there are no quotas. */
  limits(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export interface VolumeStage extends VolumesUnderTest {
  readonly signal: AbortSignal;
  /** A folder beside the volumes, for mounts and for what must not be touched. */
  readonly beside: string;
  spec(changes?: Partial<VolumeSpec>): VolumeSpec;
  fileSpec(changes?: Partial<FileSpec>): FileSpec;
}

let places = 0;

export async function onVolumeStage(t: Test, under: VolumesUnderTest): Promise<VolumeStage> {
  const { driver, directory } = under;
  const beside = join(directory, '..', `beside-${(places += 1)}`);
  await mkdir(beside);
  const made: { worldId: string; volumeId: string }[] = [];
  t.teardown(async () => {
    for (const identity of made) await driver.removeVolume(identity, AbortSignal.timeout(60_000));
    await program('rm', '-rf', beside);
  });
  const noted = <T extends { worldId: string; volumeId: string }>(spec: T): T => {
    made.push(spec);
    return spec;
  };
  const common = () => ({ worldId: under.worldId, volumeId: randomUUID(), tenant: 'p1' });
  return {
    ...under,
    signal: AbortSignal.timeout(120_000),
    beside,
    spec: (changes = {}) => noted({ ...common(), name: 'my data', sizeGib: null, ...changes }),
    fileSpec: (changes = {}) =>
      noted({ ...common(), name: 'app.conf', content: Buffer.from('a = 1\n'), mode: 0o644, ...changes }),
  };
}

/** A process in a mount namespace of its own that has `path` mounted at `target`, as a container has. */
export async function mountElsewhere(
  path: string,
  target: string,
): Promise<{ readonly pid: number; end(): Promise<void> }> {
  const script = 'mount --bind "$1" "$2" && echo mounted && exec cat >/dev/null';
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', path, target],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    async end() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

/** What there is of volumes: names under the driver's folder, mounts, loop devices and limits. */
export async function remains({ directory, limits }: VolumesUnderTest): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(`${directory}/`));
  const loops = (await program('losetup', '--list', '--noheadings', '--output', 'BACK-FILE'))
    .split('\n')
    .filter((file) => file.includes(directory));
  return [...names, ...mounts, ...loops, ...(await limits())];
}
