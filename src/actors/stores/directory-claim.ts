/**
 * One process per directory. The owner file names the holder by pid and the
 * kernel's start time of that pid, so that a pid used again is not mistaken
 * for it; making it is atomic (link(2) fails when the name exists).
 */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { TroupeError } from '../../errors/errors.ts';
import type { OwnerInfo } from './store.ts';

export interface DirectoryClaim {
  release(): Promise<void>;
}

interface Holder extends OwnerInfo {
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; null where there is no /proc. @see proc(5) */
  readonly processStart: string | null;
}

/** @throws TroupeError INVALID_CONFIG naming the process that holds the directory */
export async function claimDirectory(directory: string, owner: OwnerInfo): Promise<DirectoryClaim> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = `${directory}/owner`;
  const mine = `${path}.${owner.pid}`;
  const holder: Holder = { ...owner, processStart: await processStart(owner.pid) };
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (;;) {
      try {
        await link(mine, path);
        return { release: () => rm(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = await readHolder(path);
      if (other && (await isAlive(other))) {
        throw new TroupeError(
          'INVALID_CONFIG',
          `The store in "${directory}" is held by process ${other.pid} on "${other.hostname}", since ${new Date(other.startedAt).toISOString()}; stop it first, or use another directory`,
        );
      }
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

async function isAlive({ pid, processStart: start }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return start === null || (await processStart(pid)) === start;
}

async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // One that has ended and was not waited for holds nothing; where process 1 waits for nobody, it stays for ever.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
