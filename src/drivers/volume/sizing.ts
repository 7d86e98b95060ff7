/** How this host keeps a volume to its size. */
import { mkdir, realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import type { OneAtATime } from '../../model/one-at-a-time.ts';
import { hasLoopDevices } from './image.ts';
import { type Mount, mountOf, ownMounts } from './mounts.ts';
import { hasProjectQuota } from './quota.ts';
import type { VolumeProbe } from './volume-driver.ts';
import { errorCode } from './volume-errors.ts';

export interface Parts {
  readonly directory: string;
  readonly host: Host;
  readonly queue: OneAtATime;
}

/** The file system volumes lie on. */
export async function fileSystemOf({ directory }: Parts): Promise<Mount> {
  const mount = mountOf(await ownMounts(), await nearest(directory));
  if (!mount) throw new TroupeError('VOLUME_ERROR', `"${directory}" lies on no file system`);
  return mount;
}

/** The path itself, or the nearest folder above it that there is. */
async function nearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return nearest(join(path, '..'));
  }
}

export async function probe(parts: Parts): Promise<VolumeProbe> {
  const mount = await fileSystemOf(parts);
  if (hasProjectQuota(mount)) return { sizedBy: 'quota', problems: [] };
  if (await hasLoopDevices()) return { sizedBy: 'image', problems: [] };
  return { sizedBy: null, problems: [`Volumes of a size can't be made: ${unable(parts, mount)}`] };
}

/**
 * The way to make a volume of this size.
 *
 * @throws TroupeError HOST_INCAPABLE when there is none, DISK_FULL when it would not fit even now
 */
export async function sizing(parts: Parts, attempt: string, sizeGib: number): Promise<'quota' | 'image'> {
  const { directory } = parts;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { sizedBy } = await probe(parts);
  if (sizedBy === null)
    throw new TroupeError(
      'HOST_INCAPABLE',
      `${attempt} with ${sizeGib} GiB: ${unable(parts, await fileSystemOf(parts))}`,
    );
  const { bavail, bsize } = await statfs(directory);
  const leftGib = (bavail * bsize) / 2 ** 30;
  if (leftGib < sizeGib)
    throw new TroupeError(
      'DISK_FULL',
      `${attempt}: it asks for ${sizeGib} GiB, and this host has ${leftGib.toFixed(1)} GiB left`,
      { details: { sizeGib, leftGib } },
    );
  return sizedBy;
}

function unable({ directory }: Parts, { type }: Mount): string {
  return `"${directory}" lies on ${type}, which doesn't limit folders (XFS or ext4 does, mounted with prjquota), and this host has no loop devices (/dev/loop-control)`;
}
