/**
 * Where volumes lie:
 *
 *     <directory>/<world>/<volume>/volume.json    what it is
 *                                  data/          what containers see (a folder's, a quota's, an image's)
 *                                  content        what containers see (a file's)
 *                                  disk.img       an image's file system
 *
 * A volume of Cinder has `data/` only while it is mounted there.
 *     <directory>/<world>/.making-<volume>        not whole yet: nobody has it
 *     <directory>/<world>/.doomed-<volume>        not whole any more: nobody gets it
 *
 * A volume is there when its folder has its own name: it gets and loses it by
 * one rename.
 */
import { mkdir, open, readdir, readFile, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TroupeError } from '../../errors/errors.ts';
import { isUuid } from '../../model/uuid.ts';
import type { VolumeIdentity, VolumeKind } from './volume-driver.ts';
import { errorCode } from './volume-errors.ts';

/** volume.json */
export interface VolumeRecord {
  readonly kind: VolumeKind;
  readonly tenant: string;
  readonly name: string;
  readonly sizeGib: number | null;
  /** The number a quota goes by; null for other kinds. */
  readonly project: number | null;
  /** Cinder's id, of a volume of its. */
  readonly cinderId?: string;
  /** The block device, once it was connected. */
  readonly device?: string;
}

export interface VolumeFolder {
  readonly identity: VolumeIdentity;
  /** Of the whole volume. */
  readonly path: string;
  readonly making: string;
  readonly doomed: string;
}

export const dataOf = (folder: string): string => join(folder, 'data');
export const contentOf = (folder: string): string => join(folder, 'content');
export const imageOf = (folder: string): string => join(folder, 'disk.img');

/** @throws TroupeError INVALID_INPUT for ids that are none */
export function folderOf(directory: string, { worldId, volumeId }: VolumeIdentity): VolumeFolder {
  for (const id of [worldId, volumeId])
    if (!isUuid(id)) throw new TroupeError('INVALID_INPUT', `"${id}" is not a UUID`);
  const world = join(directory, worldId);
  return {
    identity: { worldId, volumeId },
    path: join(world, volumeId),
    making: join(world, `.making-${volumeId}`),
    doomed: join(world, `.doomed-${volumeId}`),
  };
}

/** Null when there is no such volume. */
export async function readRecord(folder: string): Promise<VolumeRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'volume.json'), 'utf8')) as VolumeRecord;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The folder a volume is made in, with its record. */
export async function beginMaking(folder: VolumeFolder, record: VolumeRecord): Promise<void> {
  // Names of other users' volumes are nobody's business on this host.
  await mkdir(folder.making, { recursive: true, mode: 0o700 });
  await writeThrough(join(folder.making, 'volume.json'), JSON.stringify(record), 0o600);
}

/** Of a volume that is there. */
export async function writeRecord({ path }: VolumeFolder, record: VolumeRecord): Promise<void> {
  await writeThrough(join(path, 'volume.json.new'), JSON.stringify(record), 0o600);
  await rename(join(path, 'volume.json.new'), join(path, 'volume.json'));
  await syncFolder(path);
}

/** From now on it is there, also after the power was cut. */
export async function finishMaking(folder: VolumeFolder): Promise<void> {
  await syncFolder(folder.making);
  await rename(folder.making, folder.path);
  await syncFolder(join(folder.path, '..'));
}

/** From now on it isn't. */
export async function doom(folder: VolumeFolder): Promise<void> {
  await rename(folder.path, folder.doomed);
  await syncFolder(join(folder.path, '..'));
}

/** Content that is on the disk when this resolves. */
export async function writeThrough(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'w', mode);
  try {
    await file.writeFile(content);
    // Whatever the agent's umask is.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export interface Found {
  readonly identity: VolumeIdentity;
  readonly state: 'whole' | 'making' | 'doomed';
}

/** All there is under the driver's folder, whole or not. */
export async function findAll(directory: string): Promise<readonly Found[]> {
  const worlds = (await list(directory)).filter(isUuid);
  const found = await Promise.all(
    worlds.map(async (worldId) =>
      (await list(join(directory, worldId))).flatMap((name): Found | [] => {
        const [, left, volumeId = ''] = /^(?:\.(making|doomed)-)?(.*)$/.exec(name) ?? [];
        const state = left === 'making' || left === 'doomed' ? left : 'whole';
        return isUuid(volumeId) ? { identity: { worldId, volumeId }, state } : [];
      }),
    ),
  );
  return found.flat();
}

/** With its last volume goes the world's folder. */
export async function forgetWorldIfEmpty(folder: VolumeFolder): Promise<void> {
  try {
    await rmdir(join(folder.path, '..'));
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes(errorCode(error))) throw error;
  }
}

async function list(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
