/**
 * Named network namespaces of this host: files below /run/netns that
 * `ip netns` makes and shows.
 *
 * @see ip-netns(8)
 */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TroupeError } from '../../errors/errors.ts';

const execute = promisify(execFile);

export const netnsFolder = '/run/netns';

export function netnsPath(name: string): string {
  return join(netnsFolder, name);
}

/** `f_type` of statfs(2) for a file that is a namespace (NSFS_MAGIC). */
const namespaceMagic = 0x6e736673;

/** Whether the file is there and a namespace is behind it. */
export async function isNamespace(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === namespaceMagic;
  } catch {
    return false;
  }
}

/** A new one under this name, with loopback up; what has the name is replaced. */
export async function makeNamespace(name: string, signal: AbortSignal): Promise<void> {
  await removeNamespace(name, signal);
  await ip(['netns', 'add', name], signal);
  await ip(['-netns', name, 'link', 'set', 'lo', 'up'], signal);
}

/** Who is inside stays inside. Removing what is gone succeeds. */
export async function removeNamespace(name: string, signal: AbortSignal): Promise<void> {
  try {
    await ip(['netns', 'delete', name], signal);
  } catch (error) {
    if (!(error instanceof Error) || !/No such file or directory/.test(error.message)) throw error;
  }
}

async function ip(args: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await execute('ip', args, { signal });
  } catch (error) {
    if (signal.aborted)
      throw new TroupeError('TIMED_OUT', 'The network namespace was not ready before the wait was given up', {
        cause: error,
      });
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    const reason = code === 'ENOENT' ? '"ip" is not installed; install iproute2' : stderr.trim();
    throw new TroupeError('ENGINE_ERROR', `"ip ${args.join(' ')}" failed: ${reason}`, { cause: error });
  }
}
