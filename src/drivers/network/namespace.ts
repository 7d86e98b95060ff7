/**
 * A network namespace held open: what is done in it later is done in this one,
 * though the process that lent its path has ended and its pid is another's.
 */
import { type FileHandle, open, stat, statfs } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import type { CommandOptions, CommandResult, Host } from '../host.ts';

export interface Namespace {
  readonly fd: number;
  /** Runs one of the host's programs, with the host's files, in this namespace. */
  run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>;
}

/** Where a program finds the file that `CommandOptions.fd` hands to it. */
export const handedNamespace = '/proc/self/fd/3';

/** linux/magic.h: NSFS_MAGIC */
const namespaceFilesystem = 0x6e736673;

/**
 * @throws TroupeError SANDBOX_GONE when there is no namespace at `path`,
 *   INVALID_INPUT when it is the host's own
 */
export async function withNamespace<T>(
  host: Host,
  path: string,
  task: (namespace: Namespace) => Promise<T>,
): Promise<T> {
  const handle = await openNamespace(path);
  try {
    await refuseOwn(host, handle, path);
    const { fd } = handle;
    return await task({
      fd,
      run: (program, args, options) =>
        host.run('nsenter', [`--net=${handedNamespace}`, '--', program, ...args], { ...options, fd }),
    });
  } finally {
    await handle.close();
  }
}

/** By device and inode of nsfs; an inode is used again only once its namespace is gone. @see namespaces(7) */
export async function identifyNamespace(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function openNamespace(path: string): Promise<FileHandle> {
  const gone = (cause?: unknown) =>
    new TroupeError('SANDBOX_GONE', `There is no network namespace at "${path}"; its sandbox has ended`, {
      cause,
    });
  let handle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw gone(error);
  }
  // A file under /run/netns outlives its namespace.
  const { type } = await statfs(`/proc/self/fd/${handle.fd}`);
  if (type === namespaceFilesystem) return handle;
  await handle.close();
  throw gone();
}

async function refuseOwn(host: Host, handle: FileHandle, path: string): Promise<void> {
  const [own, given] = await Promise.all([stat(host.networkNamespace), handle.stat()]);
  if (own.ino === given.ino && own.dev === given.dev)
    throw new TroupeError('INVALID_INPUT', `The namespace at "${path}" is the host's own`);
}
