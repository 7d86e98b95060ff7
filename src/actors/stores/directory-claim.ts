/**
 * One process per embedded store. Who holds it stands in the store itself, so
 * that of several processes that find a dead holder one alone takes its place:
 * LMDB lets one writer in at a time. The holder is named by its pid and the
 * kernel's start time of that pid, so that a pid used again is not mistaken for it.
 */
import { readFileSync } from 'node:fs';
import { TroupeError } from '../../errors/errors.ts';
import type { Tables } from './embedded-tables.ts';
import type { OwnerInfo } from './store.ts';

interface Holder extends OwnerInfo {
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; null where there is no /proc. @see proc(5) */
  readonly processStart: string | null;
}

/** @throws TroupeError INVALID_CONFIG naming the process that holds `directory` */
export function claimDirectory({ root, meta }: Tables, directory: string, owner: OwnerInfo): void {
  root.transactionSync(() => {
    const other = holderOf(meta.get('owner'));
    if (other && isAlive(other)) {
      throw new TroupeError(
        'INVALID_CONFIG',
        `The store in "${directory}" is held by process ${other.pid} on "${other.hostname}", since ${new Date(other.startedAt).toISOString()}; stop it first, or use another directory`,
      );
    }
    const mine: Holder = { ...owner, processStart: processStart(owner.pid) };
    meta.putSync('owner', JSON.stringify(mine));
  });
}

export function releaseDirectory({ root, meta }: Tables): void {
  root.transactionSync(() => meta.removeSync('owner'));
}

function holderOf(text: string | undefined): Holder | null {
  try {
    return text === undefined ? null : (JSON.parse(text) as Holder);
  } catch {
    return null;
  }
}

function isAlive({ pid, processStart: start }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return start === null || processStart(pid) === start;
}

/**
 * When the kernel started `pid`, in clock ticks since boot. Null when there is
 * no such process or no /proc, and for one that is dead and only not yet reaped.
 */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
