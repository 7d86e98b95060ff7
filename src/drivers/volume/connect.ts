/**
 * Volumes of Cinder on this host: connected by os-brick, mounted, and let go of.
 *
 * K1. What it is stands on the disk before it is connected, so that it is known
 *     until it is disconnected.
 * K2. It is there once it is mounted; its folder is there only then. A container
 *     that starts without it, after the machine did, fails instead of writing into the host's disk.
 * K3. Nothing is disconnected that another container of this host has, too.
 * K4. What an agent was killed at connecting, or heard no answer of, may be connected, and nobody knows where: it is
 *     connected again before it is disconnected, which tells.
 */
import { mkdir, rmdir } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import type { Brick, Connection } from './brick.ts';
import { fileSystemOn, format, identify, mountDevice, mountedElsewhere } from './device.ts';
import { clearNew, isMounted, unmountImage } from './image.ts';
import { eraseRemains, refuseUsed, removeWhole } from './remove.ts';
import type { Parts } from './sizing.ts';
import type { CinderSpec } from './volume-driver.ts';
import { errorCode } from './volume-errors.ts';
import {
  beginMaking,
  dataOf,
  findAll,
  finishMaking,
  folderOf,
  readRecord,
  writeRecord,
  type VolumeFolder,
  type VolumeRecord,
} from './volume-folders.ts';

export async function connectVolume(
  parts: Parts,
  brick: Brick,
  attempt: string,
  folder: VolumeFolder,
  spec: CinderSpec,
  signal: AbortSignal,
): Promise<{ readonly path: string }> {
  const { host } = parts;
  const { tenant, name, sizeGib, cinderId, names, readOnly, isNew, connection } = spec;
  const data = dataOf(folder.path);
  const before = await readRecord(folder.path);
  if (before && (before.kind !== 'cinder' || before.cinderId !== cinderId))
    throw new TroupeError('INVALID_SPEC', `${attempt}: there is another volume of this id`);
  if (before && (await isMounted(data))) return { path: data };
  if (connection['encrypted'] === true)
    throw new TroupeError('HOST_INCAPABLE', `${attempt}: it is encrypted, which is not supported yet`);
  const record: VolumeRecord = { kind: 'cinder', tenant, name, sizeGib, project: null, cinderId };
  if (!before) {
    await eraseRemains(parts, attempt, folder, signal);
    await beginMaking(folder, record);
    await finishMaking(folder);
  }
  // Two containers of this host that have it don't format it at once.
  return parts.queue(`cinder/${cinderId}`, async () => {
    const path = await brick.connect(attempt, connection, signal);
    await writeRecord(folder, { ...record, device: path });
    const device = await identify(host, attempt, path, { names, sizeGib }, signal);
    const others = await othersWith(parts, folder, cinderId);
    const elsewhere = await mountedElsewhere(device, new Set(others));
    if (elsewhere !== null)
      throw new TroupeError('VOLUME_IN_USE', `${attempt}: "${path}" is mounted at "${elsewhere}"`);
    const found = await fileSystemOn(host, attempt, device, isNew, signal);
    if (found === null && readOnly)
      throw new TroupeError(
        'VOLUME_ERROR',
        `${attempt}: it is empty, and only to be read; mount it to be written to first`,
      );
    if (found === null) await format(host, attempt, device, signal);
    await mkdir(data, { recursive: true });
    await mountDevice(host, attempt, device, { type: found ?? 'ext4', readOnly, at: data }, signal);
    if (found === null) await clearNew(data);
    return { path: data };
  });
}

/** @param connection null where its attachment has ended: then there is nothing to tell os-brick */
export async function disconnectVolume(
  parts: Parts,
  brick: Brick,
  attempt: string,
  folder: VolumeFolder,
  connection: Connection | null,
  signal: AbortSignal,
): Promise<void> {
  const record = await readRecord(folder.path);
  if (record?.kind !== 'cinder') {
    if (record) throw new TroupeError('INVALID_SPEC', `${attempt}: it is no volume of Cinder's`);
    return;
  }
  const { cinderId = '', device } = record;
  const data = dataOf(folder.path);
  await parts.queue(`cinder/${cinderId}`, async () => {
    const isShared = (await othersWith(parts, folder, cinderId)).length > 0;
    // Whose mount of it a container has can't be told from theirs; a process that works in ours keeps it mounted.
    if (!isShared) await refuseUsed(attempt, data);
    await unmountImage(parts.host, attempt, folder.path, signal);
    await removeEmpty(data);
    if (connection === null || isShared) return;
    const path = device ?? (await brick.connect(attempt, connection, signal));
    await brick.disconnect(attempt, connection, path, signal);
  });
  await removeWhole(parts, attempt, folder, signal);
}

/** Where other containers of this host have it. */
async function othersWith(
  { directory }: Parts,
  { path: own }: VolumeFolder,
  cinderId: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { identity, state } of await findAll(directory)) {
    const { path } = folderOf(directory, identity);
    if (state !== 'whole' || path === own) continue;
    if ((await readRecord(path))?.cinderId === cinderId) found.push(dataOf(path));
  }
  return found;
}

/** (K2) Once, before the first operation, since the machine may have been started anew. */
export async function hideUnmounted({ directory }: Parts, worldId: string): Promise<void> {
  for (const { identity, state } of await findAll(directory)) {
    const { path } = folderOf(directory, identity);
    if (state !== 'whole' || identity.worldId !== worldId) continue;
    if ((await readRecord(path))?.kind === 'cinder' && !(await isMounted(dataOf(path))))
      await removeEmpty(dataOf(path));
  }
}

async function removeEmpty(data: string): Promise<void> {
  try {
    await rmdir(data);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
