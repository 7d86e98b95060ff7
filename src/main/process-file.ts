/**
 * Which process runs on a state directory. The file names it by pid, the
 * kernel's start time of that pid and the boot, so that a pid used again,
 * by whatever, is never taken for it, let alone signalled.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { TroupeError } from '../errors/errors.ts';

export interface RunningProcess {
  readonly pid: number;
  /** The command, in words for people, e.g. `troupe up`. */
  readonly command: string;
  /** Epoch ms. */
  readonly startedAt: number;
  isAlive(): boolean;
  /** To this very process, not to another of the same pid. False when it has ended. @throws TroupeError FORBIDDEN when it belongs to another user */
  signal(signal: NodeJS.Signals): boolean;
}

interface Holder {
  readonly pid: number;
  readonly command: string;
  readonly startedAt: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; where there is no /proc, what ps(1) says. @see proc(5) */
  readonly born: string;
  readonly boot: string;
}

export interface ProcessClaim {
  release(): void;
}

/**
 * Makes this process the one that runs under `path`, until it releases it or ends.
 * @throws TroupeError INVALID_CONFIG naming the process that runs there already
 */
export function claimProcess(path: string, command: string): ProcessClaim {
  const { pid } = process;
  const mine = `${path}.${pid}`;
  const holder: Holder = { pid, command, startedAt: Date.now(), born: bornAt(pid) ?? '', boot: bootId() };
  writeFileSync(mine, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, path);
        return { release: () => void (sameHolder(read(path), holder) && rmSync(path, { force: true })) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = runningProcess(path);
      if (other) throw alreadyRunning(other, path);
      setAside(path, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** The process that runs under `path` now; null when there is none. */
export function runningProcess(path: string): RunningProcess | null {
  const holder = read(path);
  if (!holder || !isAlive(holder)) return null;
  const { pid, command, startedAt } = holder;
  return {
    pid,
    command,
    startedAt,
    isAlive: () => isAlive(holder),
    signal: (signal) => send(holder, signal),
  };
}

function send(holder: Holder, signal: NodeJS.Signals): boolean {
  if (!isAlive(holder)) return false;
  try {
    return process.kill(holder.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw new TroupeError(
      'FORBIDDEN',
      `"${holder.command}", process ${holder.pid}, belongs to another user; stop it as that user or as root`,
      { cause: error },
    );
  }
}

const alreadyRunning = ({ pid, command, startedAt }: RunningProcess, path: string): TroupeError =>
  new TroupeError(
    'INVALID_CONFIG',
    `"${command}" runs already on this state directory: process ${pid}, since ${new Date(startedAt).toISOString()} (${path}); stop it first, or use another state.directory`,
  );

/** Removes what a dead process left; never what another has put there meanwhile. */
function setAside(path: string, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = read(aside);
  if (moved && isAlive(moved)) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function read(path: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder> | null;
    return typeof holder?.pid === 'number' && typeof holder.born === 'string' ? (holder as Holder) : null;
  } catch {
    return null;
  }
}

const isAlive = (holder: Holder): boolean => holder.boot === bootId() && holder.born === bornAt(holder.pid);

const sameHolder = (one: Holder | null, other: Holder): boolean =>
  one?.pid === other.pid && one.born === other.born && one.boot === other.boot;

/** Null for a pid that is not in use. A zombie has ended, too. */
function bornAt(pid: number): string | null {
  try {
    if (!existsSync('/proc/self/stat'))
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Clock ticks count from the boot, so they say little without it. */
function bootId(): string {
  const path = '/proc/sys/kernel/random/boot_id';
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}
