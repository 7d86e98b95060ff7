/**
 * Volumes kept to their size by a project quota: each is a project of its
 * number, and so is whatever is made in its folder.
 *
 * @see xfs_quota(8), setquota(8), chattr(1): +P and -p
 */
import type { Host } from '../host.ts';
import type { Mount } from './mounts.ts';
import { commandFailure } from './volume-errors.ts';

/** Whether a file system is mounted so that projects have limits. */
export function hasProjectQuota({ type, options }: Mount): boolean {
  return (type === 'xfs' || type === 'ext4') && options.some((option) => /^(prjquota|pquota)$/.test(option));
}

/**
 * A number that no other project has. Half of what is possible (from 2^30) is
 * left to others: engines and people count from 1.
 */
export function chooseProject(volumeId: string, taken: ReadonlySet<number>): number {
  let project = 0x40000000 + (parseInt(volumeId.slice(0, 8), 16) & 0x3fffffff);
  while (taken.has(project)) project = project === 0x7fffffff ? 0x40000000 : project + 1;
  return project;
}

export interface ProjectLimit {
  readonly project: number;
  /** Where the file system is mounted. */
  readonly point: string;
  /** 0 = none. */
  readonly sizeGib: number;
}

export async function limitProject(
  host: Host,
  attempt: string,
  { project, point, sizeGib }: ProjectLimit,
  signal: AbortSignal,
): Promise<void> {
  // Blocks of 1 KiB, soft and hard; no limit of files.
  const blocks = String(sizeGib * 2 ** 20);
  const args = ['-P', String(project), blocks, blocks, '0', '0', point];
  const result = await host.run('setquota', args, { signal });
  if (result.status !== 0) throw commandFailure(attempt, 'setquota', result);
}

/** What is in the folder from now on belongs to the project. */
export async function joinProject(
  host: Host,
  attempt: string,
  folder: string,
  project: number,
  signal: AbortSignal,
): Promise<void> {
  const result = await host.run('chattr', ['+P', '-p', String(project), '--', folder], { signal });
  if (result.status !== 0) throw commandFailure(attempt, 'chattr', result);
}
