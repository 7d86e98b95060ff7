/** What is mounted, here and in the namespaces of other processes. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { errorCode } from './volume-errors.ts';

/** A line of /proc/<pid>/mountinfo. @see proc(5) */
export interface Mount {
  /** `major:minor` of the file system. */
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** Options of the file system, e.g. `prjquota`. */
  readonly options: readonly string[];
}

/** A process that has something mounted. */
export interface User {
  readonly pid: number;
  readonly name: string;
}

export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [, , device, root, point] = before?.split(' ') ?? [];
    const [type, , options] = after?.split(' ') ?? [];
    if (!device || !root || !point || !type) return [];
    return {
      device,
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      type,
      options: options?.split(',') ?? [],
    };
  });
}

/** Blanks and backslashes in paths. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

export async function ownMounts(): Promise<readonly Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** The mount that a path lies on, the last of those that hide each other. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | null {
  return mounts.reduce<Mount | null>(
    (best, mount) =>
      isWithin(path, mount.point) && mount.point.length >= (best?.point.length ?? 0) ? mount : best,
    null,
  );
}

/** Where something is mounted in a folder, at any depth; null when nothing is. */
export async function findMountWithin(path: string): Promise<string | null> {
  return (await ownMounts()).find(({ point }) => point !== path && isWithin(point, path))?.point ?? null;
}

/**
 * A process in whose mounts `path`, or something in it, appears: a container
 * that has it, or somebody on the host. Null when there is none.
 */
export async function findUser(path: string): Promise<User | null> {
  const real = await realpath(path);
  const mount = mountOf(await ownMounts(), real);
  if (!mount) return null;
  const inFilesystem = join(mount.root, relative(mount.point, real));
  // What is a mount itself is there in every namespace that came from this one.
  const isUse = (other: Mount): boolean =>
    other.device === mount.device &&
    isWithin(other.root, inFilesystem) &&
    !(other.point === mount.point && other.root === mount.root && mount.point === real);
  const seen = new Set<string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = await readlink(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      const mounts = parseMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
      seen.add(namespace);
      if (mounts.some(isUse))
        return { pid: Number(pid), name: (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() };
    } catch (error) {
      // It ended while it was looked at, or it has rights that the agent lacks: no container has those.
      if (!['ENOENT', 'ESRCH', 'EINVAL', 'EACCES'].includes(errorCode(error))) throw error;
    }
  }
  return null;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
