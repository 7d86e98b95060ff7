/** A command at a terminal of its own, as a person has it: typed at, read from, resized. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { quote } from 'shlex';
import { pause } from './troupe.ts';

const execute = promisify(execFile);

export interface AtTerminal {
  type(text: string): void;
  /** Resolves once the command takes each key as it is pressed: what was typed before it may throw away. */
  raw(): Promise<void>;
  /** Resolves once what was shown since the last match matches. Rejects when the command ends first. */
  shows(pattern: RegExp): Promise<void>;
  /** Sets the size, as a window does that is dragged. */
  resize(rows: number, columns: number): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly shown: string }>;
  kill(): void;
}

/** script(1) makes the terminal. */
export function atTerminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { rows = 24, columns = 80 }: { readonly rows?: number; readonly columns?: number } = {},
): AtTerminal {
  const command = `stty rows ${rows} cols ${columns}; echo "at $(tty)"; exec ${argv.map(quote).join(' ')}`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let seen = 0;
  let look: () => void = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    look();
  });
  // Who has ended takes nothing more.
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code]) => {
    look();
    return { code: code as number | null, shown };
  });
  const stty = async (...args: readonly string[]): Promise<string> => {
    let path: string | undefined;
    while (!(path = /^at (\S+)/m.exec(shown)?.[1])) await new Promise<void>((resolve) => (look = resolve));
    return (await execute('stty', ['-F', path, ...args])).stdout;
  };
  return {
    type: (text) => void child.stdin.write(text),
    async shows(pattern) {
      for (;;) {
        const found = pattern.exec(shown.slice(seen));
        if (found) {
          seen += found.index + found[0].length;
          return;
        }
        if (child.exitCode !== null) throw new Error(`It ended without ${pattern}: ${shown}`);
        await new Promise<void>((resolve) => (look = resolve));
      }
    },
    async raw() {
      while (!(await stty('-a')).includes('-icanon')) await pause(50);
    },
    async resize(toRows, toColumns) {
      await stty('rows', String(toRows), 'cols', String(toColumns));
    },
    ended,
    kill: () => void child.kill('SIGKILL'),
  };
}
