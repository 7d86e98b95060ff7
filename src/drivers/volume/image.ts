/** Volumes kept to their size by a file system of their own: ext4 in a sparse file, mounted by a loop device. */
import { access, chmod, open, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import { mountOf, ownMounts } from './mounts.ts';
import { commandFailure, errorCode } from './volume-errors.ts';
import { dataOf, imageOf } from './volume-folders.ts';

export async function hasLoopDevices(): Promise<boolean> {
  try {
    await access('/dev/loop-control');
    return true;
  } catch {
    return false;
  }
}

/** The file system, empty, in the folder a volume is made in. */
export async function makeImage(
  host: Host,
  attempt: string,
  folder: string,
  sizeGib: number,
  signal: AbortSignal,
): Promise<void> {
  const image = imageOf(folder);
  const file = await open(image, 'w', 0o600);
  try {
    await file.truncate(sizeGib * 2 ** 30);
  } finally {
    await file.close();
  }
  // All of it is for the user; its tables are written when they are needed.
  const options = ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'];
  const result = await host.run('mkfs.ext4', [...options, image], { signal });
  if (result.status !== 0) throw commandFailure(attempt, 'mkfs.ext4', result);
}

/** Mounted at the volume's folder, now and after the host was started again. */
export async function mountImage(
  host: Host,
  attempt: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const data = dataOf(folder);
  if (!(await isMounted(data))) {
    // What is deleted in it is given back to the disk. It brings no devices and no rights to the host.
    const options = 'loop,nodev,nosuid,discard';
    const result = await host.run('mount', ['-t', 'ext4', '-o', options, imageOf(folder), data], { signal });
    if (result.status !== 0) throw commandFailure(attempt, 'mount', result);
  }
  await clearNew(data);
}

/**
 * Programs refuse to begin in a folder that isn't empty. What the file system
 * came with is there until the volume is ready for the first time.
 */
export async function clearNew(data: string): Promise<void> {
  const extra = join(data, 'lost+found');
  try {
    await access(extra);
    await chmod(data, 0o777);
    await rmdir(extra);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'ENOTDIR'].includes(errorCode(error))) throw error;
  }
}

export async function unmountImage(
  host: Host,
  attempt: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const data = dataOf(folder);
  if (!(await isMounted(data))) return;
  const result = await host.run('umount', ['--', data], { signal });
  if (result.status === 0) return;
  if (/busy/i.test(result.errors))
    throw new TroupeError('VOLUME_IN_USE', `${attempt}: a process of this host works in it`, {
      retryable: true,
    });
  throw commandFailure(attempt, 'umount', result);
}

export async function isMounted(data: string): Promise<boolean> {
  return mountOf(await ownMounts(), data)?.point === data;
}
