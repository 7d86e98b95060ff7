/** A process that has ended and that its parent does not wait for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';

export interface Zombie {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat. @see proc(5) */
  readonly born: string;
}

export async function makeZombie(t: Test): Promise<Zombie> {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  const fields = (): readonly string[] =>
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  while (fields()[0] !== 'Z') await new Promise((resolve) => setImmediate(resolve));
  return { pid, born: fields()[19]! };
}
