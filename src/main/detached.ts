/** Troupe as a process of its own: this command line again, in a session of its own, which says when it is ready. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { CommandFailed } from '../cli/command-failed.ts';

/** What a detached process tells the one that started it. */
type Told = { readonly troupe: 'ready' } | { readonly troupe: 'said'; readonly text: string };

const readyMs = 120_000;

/**
 * Starts `argv` of this command line with its output in `log`. Resolves with
 * its pid once it is ready, from when on nothing ties the two together; or
 * once it has ended instead, with its words and its exit code.
 * @throws CommandFailed when it does neither in time
 */
export async function startDetached(
  argv: readonly string[],
  log: string,
  say: (text: string) => void,
): Promise<{ readonly pid: number } | { readonly ended: CommandFailed }> {
  const output = openSync(log, 'a', 0o600);
  const before = statSync(log).size;
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argv], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  let timer: NodeJS.Timeout | undefined;
  try {
    const ended = await new Promise<CommandFailed | null>((resolve, reject) => {
      child.on('message', (told: Told) => (told.troupe === 'ready' ? resolve(null) : say(told.text)));
      child.once('error', reject);
      child.once('exit', (code) => resolve(new CommandFailed(lastWords(log, before), code ?? 1)));
      timer = setTimeout(
        () => reject(new CommandFailed(`It is not ready after ${readyMs / 1000} s; see ${log}`, 124)),
        readyMs,
      );
    });
    if (ended) return { ended };
  } finally {
    clearTimeout(timer);
    if (child.connected) child.disconnect();
    child.unref();
  }
  return { pid: child.pid! };
}

/** For the process that was started so: nothing happens in any other. */
export function tellStarter(told: Told): void {
  // Who has started us may have gone meanwhile, and that is no failure of ours.
  if (process.connected) process.send?.(told, () => {});
}

/** What the command line itself said last in the log, without its name; the path when it said nothing. */
function lastWords(log: string, from: number): string {
  const bytes = Buffer.alloc(Math.min(64 * 1024, Math.max(0, statSync(log).size - from)));
  const file = openSync(log, 'r');
  readSync(file, bytes, 0, bytes.length, Math.max(from, statSync(log).size - bytes.length));
  closeSync(file);
  const said = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.startsWith('troupe: '))
    .at(-1);
  return said?.slice('troupe: '.length) ?? `It ended at once; see ${log}`;
}
