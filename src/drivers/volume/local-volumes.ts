/** The volume driver for folders of this host, and what Cinder gives to it. It keeps no state beside them. */
import { chmod, mkdir, readFile, rename, stat, statfs } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import { createHost, type Host } from '../host.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import { createBrick } from './brick.ts';
import { checkFile, checkVolume } from './check-specs.ts';
import { connectVolume, disconnectVolume, hideUnmounted } from './connect.ts';
import { isMounted, makeImage, mountImage } from './image.ts';
import { chooseProject, joinProject, limitProject } from './quota.ts';
import { eraseRemains, removeVolume, sweep } from './remove.ts';
import { fileSystemOf, type Parts, probe, sizing } from './sizing.ts';
import type {
  FileSpec,
  ListedVolume,
  VolumeDriver,
  VolumeIdentity,
  VolumeSpec,
  VolumeUsage,
} from './volume-driver.ts';
import { commandFailure, errorCode, telling } from './volume-errors.ts';
import {
  beginMaking,
  contentOf,
  dataOf,
  findAll,
  finishMaking,
  folderOf,
  readRecord,
  type VolumeFolder,
  type VolumeRecord,
  writeThrough,
} from './volume-folders.ts';

export interface LocalVolumeOptions {
  /** Where volumes lie; made when it is missing. */
  readonly directory: string;
  /** @defaultValue this machine */
  readonly host?: Host;
}

export function createLocalVolumeDriver(options: LocalVolumeOptions): VolumeDriver {
  const { directory, host = createHost() } = options;
  const parts: Parts = { directory, host, queue: oneAtATime() };
  const brick = createBrick(host);
  const attend = <T>(
    attempt: string,
    { worldId, volumeId }: VolumeIdentity,
    task: (folder: VolumeFolder) => Promise<T>,
  ): Promise<T> => {
    const folder = folderOf(directory, { worldId, volumeId });
    return parts.queue(folder.path, () => telling(attempt, () => task(folder)));
  };
  return {
    name: 'local',
    probe: () => telling('The folder of volumes could not be looked at', () => probe(parts)),
    async ensureVolume(spec, signal) {
      checkVolume(spec);
      const attempt = attemptOf(spec);
      return attend(attempt, spec, (folder) => ensureVolume(parts, attempt, folder, spec, signal));
    },
    async ensureFile(spec, signal) {
      checkFile(spec);
      const attempt = attemptOf(spec);
      return attend(attempt, spec, (folder) => ensureFile(parts, attempt, folder, spec, signal));
    },
    connector: (hostname, signal) => brick.connector(hostname, signal),
    async connectVolume(spec, signal) {
      const attempt = `The volume "${spec.cinderId}" of Cinder could not be connected`;
      return attend(attempt, spec, (folder) => connectVolume(parts, brick, attempt, folder, spec, signal));
    },
    async disconnectVolume(identity, connection, signal) {
      const attempt = `The volume "${identity.volumeId}" could not be disconnected`;
      await attend(attempt, identity, (folder) =>
        disconnectVolume(parts, brick, attempt, folder, connection, signal),
      );
    },
    async connectedPath(identity) {
      const path = dataOf(folderOf(directory, identity).path);
      if (await isMounted(path)) return { path };
      throw new TroupeError(
        'VOLUME_NOT_FOUND',
        `The volume "${identity.volumeId}" is not mounted here any more`,
      );
    },
    async removeVolume(identity, signal) {
      const attempt = `The volume "${identity.volumeId}" could not be removed`;
      await attend(attempt, identity, (folder) => removeVolume(parts, attempt, folder, signal));
    },
    listVolumes: () => telling('The volumes of this host could not be read', () => listVolumes(directory)),
    async usage(identity, signal) {
      const attempt = `The volume "${identity.volumeId}" could not be measured`;
      return telling(attempt, () => usage(parts, attempt, identity, signal));
    },
    async sweep(worldId, signal) {
      await telling('Volumes of Cinder could not be looked at', () => hideUnmounted(parts, worldId));
      return sweep(parts, worldId, signal);
    },
  };
}

const attemptOf = ({ volumeId }: VolumeIdentity): string => `The volume "${volumeId}" could not be made`;

async function ensureVolume(
  parts: Parts,
  attempt: string,
  folder: VolumeFolder,
  spec: VolumeSpec,
  signal: AbortSignal,
) {
  const { host } = parts;
  const record = await readRecord(folder.path);
  if (record) refuseOther(attempt, record, spec);
  const made = record ?? (await makeVolume(parts, attempt, folder, spec, signal));
  if (made.kind === 'image') await mountImage(host, attempt, folder.path, signal);
  if (made.kind === 'quota') await setLimit(parts, attempt, made, signal);
  return { path: dataOf(folder.path) };
}

function refuseOther(attempt: string, { kind, sizeGib }: VolumeRecord, spec: VolumeSpec): void {
  if (kind === 'file') throw new TroupeError('INVALID_SPEC', `${attempt}: there is a file of this id`);
  if (sizeGib !== spec.sizeGib)
    throw new TroupeError(
      'INVALID_SPEC',
      `${attempt}: it has ${sizeGib === null ? 'no limit' : `${sizeGib} GiB`} on this host, which can't be changed`,
    );
}

async function makeVolume(
  parts: Parts,
  attempt: string,
  folder: VolumeFolder,
  spec: VolumeSpec,
  signal: AbortSignal,
): Promise<VolumeRecord> {
  const { tenant, name, sizeGib } = spec;
  const kind = sizeGib === null ? 'folder' : await sizing(parts, attempt, sizeGib);
  const make = async (project: number | null): Promise<VolumeRecord> => {
    const record: VolumeRecord = { kind, tenant, name, sizeGib, project };
    await eraseRemains(parts, attempt, folder, signal);
    await beginMaking(folder, record);
    await mkdir(dataOf(folder.making));
    await chmod(dataOf(folder.making), 0o777);
    if (kind === 'image' && sizeGib !== null)
      await makeImage(parts.host, attempt, folder.making, sizeGib, signal);
    if (project !== null) {
      await setLimit(parts, attempt, record, signal);
      await joinProject(parts.host, attempt, dataOf(folder.making), project, signal);
    }
    await finishMaking(folder);
    return record;
  };
  if (kind !== 'quota') return make(null);
  // No two choose the same number.
  return parts.queue('project', async () =>
    make(chooseProject(spec.volumeId, await takenProjects(parts.directory))),
  );
}

async function takenProjects(directory: string): Promise<ReadonlySet<number>> {
  const projects = new Set<number>();
  for (const { identity, state } of await findAll(directory)) {
    const { path, doomed } = folderOf(directory, identity);
    // What was never finished is made anew, under its number or another.
    if (state === 'making') continue;
    const record = await readRecord(state === 'doomed' ? doomed : path);
    if (record?.project) projects.add(record.project);
  }
  return projects;
}

async function setLimit(
  parts: Parts,
  attempt: string,
  { project, sizeGib }: VolumeRecord,
  signal: AbortSignal,
): Promise<void> {
  if (project === null || sizeGib === null) return;
  const { point } = await fileSystemOf(parts);
  await limitProject(parts.host, attempt, { project, point, sizeGib }, signal);
}

async function ensureFile(
  parts: Parts,
  attempt: string,
  folder: VolumeFolder,
  spec: FileSpec,
  signal: AbortSignal,
) {
  const { tenant, name, content, mode } = spec;
  const record = await readRecord(folder.path);
  if (record && record.kind !== 'file')
    throw new TroupeError('INVALID_SPEC', `${attempt}: there is a volume of this id that isn't a file`);
  const path = contentOf(folder.path);
  if (!record) {
    await eraseRemains(parts, attempt, folder, signal);
    await beginMaking(folder, { kind: 'file', tenant, name, sizeGib: null, project: null });
    await writeThrough(contentOf(folder.making), content, mode);
    await finishMaking(folder);
  } else if (!(await isFile(path, content, mode))) {
    await writeThrough(`${path}.new`, content, mode);
    await rename(`${path}.new`, path);
  }
  return { path };
}

async function isFile(path: string, content: Uint8Array, mode: number): Promise<boolean> {
  try {
    const present = await stat(path);
    return (present.mode & 0o777) === mode && (await readFile(path)).equals(content);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function listVolumes(directory: string): Promise<readonly ListedVolume[]> {
  const whole = (await findAll(directory)).filter(({ state }) => state === 'whole');
  const listed = await Promise.all(
    whole.map(async ({ identity }) => {
      const record = await readRecord(folderOf(directory, identity).path);
      if (!record) return [];
      const { kind, tenant, name, sizeGib } = record;
      return { ...identity, kind, tenant, name, sizeGib };
    }),
  );
  return listed.flat();
}

async function usage(
  { directory, host }: Parts,
  attempt: string,
  identity: VolumeIdentity,
  signal: AbortSignal,
): Promise<VolumeUsage> {
  const { path } = folderOf(directory, identity);
  const record = await readRecord(path);
  if (!record)
    throw new TroupeError('VOLUME_NOT_FOUND', `The volume "${identity.volumeId}" is not on this host`);
  if (record.kind === 'file') return { usedBytes: (await stat(contentOf(path))).size, limitBytes: null };
  if (record.kind !== 'folder') {
    // Also of a project: the kernel tells its own limit and use for its folder.
    const { blocks, bfree, bsize } = await statfs(dataOf(path));
    return { usedBytes: (blocks - bfree) * bsize, limitBytes: blocks * bsize };
  }
  const args = ['--summarize', '--one-file-system', '--block-size=1', '--', dataOf(path)];
  const result = await host.run('du', args, { signal });
  const [, bytes] = /^(\d+)\s/.exec(result.output) ?? [];
  if (bytes === undefined) throw commandFailure(attempt, 'du', result);
  return { usedBytes: Number(bytes), limitBytes: null };
}
