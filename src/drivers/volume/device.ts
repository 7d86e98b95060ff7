/**
 * A block device that is to be a volume: looked at before it is trusted,
 * formatted only where it holds nothing, mounted.
 */
import { open, readFile, realpath, stat } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import { ownMounts } from './mounts.ts';
import { commandFailure, errorCode } from './volume-errors.ts';

export interface Device {
  readonly path: string;
  /** `major:minor`. */
  readonly number: string;
}

export interface DeviceWish {
  /** What its backend may call it: Cinder's id of the volume, or that of the one it was before it was migrated. */
  readonly names: readonly string[];
  readonly sizeGib: number;
}

const gib = 2 ** 30;
/** File systems that are mounted as they are found. */
const mountable: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']);
/** What nobody has written to is zeros so far. */
const lookedAtBytes = 2 ** 20;
/** blkid(8): nothing was found. */
const nothingFound = 2;

/**
 * It is the volume that it is taken for, as far as the kernel tells.
 * @throws TroupeError VOLUME_ERROR
 */
export async function identify(
  host: Host,
  attempt: string,
  path: string,
  { names, sizeGib }: DeviceWish,
  signal: AbortSignal,
): Promise<Device> {
  const real = await realpath(path);
  const found = await stat(real);
  if (!found.isBlockDevice())
    throw new TroupeError('VOLUME_ERROR', `${attempt}: "${path}" is no block device`);
  const number = `${found.rdev >> 8}:${found.rdev & 0xff}`;
  const sized = await host.run('blockdev', ['--getsize64', real], { signal });
  if (sized.status !== 0) throw commandFailure(attempt, 'blockdev', sized);
  const bytes = Number(sized.output);
  // Backends round up.
  if (bytes < sizeGib * gib || bytes >= (sizeGib + 1) * gib)
    throw new TroupeError(
      'VOLUME_ERROR',
      `${attempt}: "${path}" has ${bytes} bytes, and the volume ${sizeGib} GiB: it is another one`,
    );
  const other = (await idsIn(number)).find((id) => !names.includes(id));
  if (other !== undefined)
    throw new TroupeError(
      'VOLUME_ERROR',
      `${attempt}: "${path}" is the volume "${other}": it is another one`,
    );
  return { path: real, number };
}

/** Ids in what the kernel calls it: the file of a loop device, a logical volume, which doubles each hyphen. */
async function idsIn(number: string): Promise<readonly string[]> {
  const ids = await Promise.all(
    ['loop/backing_file', 'dm/name'].map(async (name) => {
      try {
        const text = await readFile(`/sys/dev/block/${number}/${name}`, 'utf8');
        const plain = text.replaceAll('--', '-');
        return plain.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)?.slice(-1) ?? [];
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    }),
  );
  return ids.flat();
}

/** Where it is mounted beside the given places; null when nowhere. */
export async function mountedElsewhere(
  { number }: Device,
  places: ReadonlySet<string>,
): Promise<string | null> {
  const mount = (await ownMounts()).find(({ device, point }) => device === number && !places.has(point));
  return mount?.point ?? null;
}

/**
 * The type of the file system on it; null where it holds nothing.
 * @param isNew whatever it holds is nobody's: its backend does not clear what it gives out
 * @throws TroupeError VOLUME_ERROR for what can't be mounted; nothing is written to it
 */
export async function fileSystemOn(
  host: Host,
  attempt: string,
  { path }: Device,
  isNew: boolean,
  signal: AbortSignal,
): Promise<string | null> {
  const probe = await host.run('blkid', ['--probe', '--output', 'export', path], { signal });
  if (probe.status !== 0 && probe.status !== nothingFound) throw commandFailure(attempt, 'blkid', probe);
  const values = new Map(
    probe.output.split('\n').map((line) => [line.split('=')[0]!, line.slice(line.indexOf('=') + 1)]),
  );
  const type = values.get('TYPE') ?? null;
  if (type !== null && values.get('USAGE') === 'filesystem' && mountable.has(type)) return type;
  const holds = type ?? values.get('PTTYPE') ?? null;
  if (holds === null && probe.status === nothingFound && (isNew || (await isBlank(path)))) return null;
  const what = holds === null ? 'data of no file system that is known here' : `"${holds}"`;
  throw new TroupeError(
    'VOLUME_ERROR',
    `${attempt}: it holds ${what}; mounted are ${[...mountable].join(', ')}, and what is empty is formatted. Nothing was written to it`,
  );
}

async function isBlank(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lookedAtBytes), 0, lookedAtBytes, 0);
    return buffer.subarray(0, bytesRead).every((byte) => byte === 0);
  } finally {
    await file.close();
  }
}

/** An empty ext4. The program looks by itself whether somebody has the device. */
export async function format(
  host: Host,
  attempt: string,
  { path }: Device,
  signal: AbortSignal,
): Promise<void> {
  // All of it is for the user; its tables are written when they are needed.
  const options = ['-q', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'];
  const result = await host.run('mkfs.ext4', [...options, path], { signal });
  if (result.status !== 0) throw commandFailure(attempt, 'mkfs.ext4', result);
}

export async function mountDevice(
  host: Host,
  attempt: string,
  { path }: Device,
  { type, readOnly, at }: { readonly type: string; readonly readOnly: boolean; readonly at: string },
  signal: AbortSignal,
): Promise<void> {
  // It brings no devices and no rights to the host.
  const options = `nodev,nosuid,${readOnly ? 'ro' : 'rw'}`;
  const result = await host.run('mount', ['-t', type, '-o', options, path, at], { signal });
  if (result.status !== 0) throw commandFailure(attempt, 'mount', result);
}
