/** Taking volumes away: whole ones, and what crashes left of them. */
import { lstat } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import { unmountImage } from './image.ts';
import { findMountWithin, findUser } from './mounts.ts';
import { limitProject } from './quota.ts';
import { fileSystemOf, type Parts } from './sizing.ts';
import { commandFailure, errorCode, telling } from './volume-errors.ts';
import {
  contentOf,
  dataOf,
  doom,
  findAll,
  folderOf,
  forgetWorldIfEmpty,
  readRecord,
  type VolumeFolder,
} from './volume-folders.ts';

export async function removeVolume(
  parts: Parts,
  attempt: string,
  folder: VolumeFolder,
  signal: AbortSignal,
): Promise<void> {
  if ((await readRecord(folder.path))?.kind === 'cinder')
    throw new TroupeError('VOLUME_IN_USE', `${attempt}: it is Cinder's, and has to be disconnected`);
  if (await isThere(folder.path)) {
    // Not by its record: it may have been lost, and what is mounted is mounted all the same.
    for (const path of [dataOf(folder.path), contentOf(folder.path)]) await refuseUsed(attempt, path);
    await unmountImage(parts.host, attempt, folder.path, signal);
    await removeWhole(parts, attempt, folder, signal);
    return;
  }
  await eraseRemains(parts, attempt, folder, signal);
  await forgetWorldIfEmpty(folder);
}

/** What is on the disk of it; nothing of it may be mounted any more. */
export async function removeWhole(
  parts: Parts,
  attempt: string,
  folder: VolumeFolder,
  signal: AbortSignal,
): Promise<void> {
  await refuseMounts(attempt, folder.path);
  await doom(folder);
  await eraseRemains(parts, attempt, folder, signal);
  await forgetWorldIfEmpty(folder);
}

export async function refuseUsed(attempt: string, path: string): Promise<void> {
  const user = (await isThere(path)) ? await findUser(path) : null;
  if (user)
    throw new TroupeError(
      'VOLUME_IN_USE',
      `${attempt}: it is mounted by "${user.name}" (process ${user.pid}); end that first`,
      { details: { ...user } },
    );
}

/** What somebody mounted inside would be erased with it. */
async function refuseMounts(attempt: string, path: string): Promise<void> {
  const point = await findMountWithin(path);
  if (point !== null)
    throw new TroupeError('VOLUME_IN_USE', `${attempt}: something is mounted at "${point}"; unmount it`, {
      details: { point },
    });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** What is not whole of this volume: being made when a crash came, or being removed. */
export async function eraseRemains(
  parts: Parts,
  attempt: string,
  { making, doomed }: VolumeFolder,
  signal: AbortSignal,
): Promise<void> {
  for (const path of [making, doomed]) {
    const project = (await readRecord(path))?.project ?? null;
    if (project !== null) {
      // Before the record of its number goes.
      const { point } = await fileSystemOf(parts);
      await limitProject(parts.host, attempt, { project, point, sizeGib: 0 }, signal);
    }
    await refuseMounts(attempt, path);
    // It goes by the folders it holds open, so no link leads it elsewhere.
    const args = ['--recursive', '--force', '--one-file-system', '--', path];
    const result = await parts.host.run('rm', args, { signal });
    if (result.status !== 0) throw commandFailure(attempt, 'rm', result);
  }
}

export async function sweep(parts: Parts, worldId: string, signal: AbortSignal): Promise<readonly string[]> {
  const attempt = 'What a crash left of volumes could not be removed';
  const all = await telling(attempt, () => findAll(parts.directory));
  const left = new Set<string>();
  for (const { identity, state } of all) {
    if (identity.worldId !== worldId || state === 'whole') continue;
    const folder = folderOf(parts.directory, identity);
    await parts.queue(folder.path, () =>
      telling(attempt, async () => {
        await eraseRemains(parts, attempt, folder, signal);
        await forgetWorldIfEmpty(folder);
      }),
    );
    left.add(identity.volumeId);
  }
  return [...left].toSorted();
}
