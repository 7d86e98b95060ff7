/** The one place where what programs and the file system say of volumes becomes an error of Troupe. */
import { TroupeError } from '../../errors/errors.ts';
import type { CommandResult } from '../host.ts';

/** @param attempt what did not succeed, as a clause: `The volume "…" could not be made` */
export function commandFailure(attempt: string, program: string, result: CommandResult): TroupeError {
  const said = result.errors.trim().split('\n').at(-1) || `status ${result.status}`;
  if (/no space left|disk quota exceeded/i.test(said)) return diskFull(attempt);
  if (/permission denied|operation not permitted|must be (super|root)/i.test(said))
    return new TroupeError('HOST_INCAPABLE', `${attempt}: the agent may not (${said}); run it as root`);
  return new TroupeError('VOLUME_ERROR', `${attempt}: ${program} said: ${said}`);
}

export function diskFull(attempt: string): TroupeError {
  return new TroupeError('DISK_FULL', `${attempt}: the disk of this host is full`);
}

/** Passes on what `task` gives; what the file system refuses becomes ours. */
export async function telling<T>(attempt: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof TroupeError) throw error;
    const code = errorCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw diskFull(attempt);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new TroupeError('HOST_INCAPABLE', `${attempt}: the agent may not write there (${code})`, {
        cause: error,
      });
    const said = error instanceof Error ? error.message : String(error);
    throw new TroupeError('VOLUME_ERROR', `${attempt}: ${said}`, { cause: error });
  }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
