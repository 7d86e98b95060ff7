/** The `troupe` command as people run it: processes, exit codes, what they print. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { removeRemains } from './host-remains.ts';
import { docker } from './troupe.ts';

const entry = join(import.meta.dirname, '..', '..', 'src', 'main', 'cli.js');

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** What it has printed so far, logs included. */
  readonly output: () => string;
  /** Resolves with how it ended. */
  readonly ended: Promise<Ran>;
  kill(): Promise<void>;
}

export interface Cli {
  readonly directory: string;
  /** Writes a configuration file, for `--config`. Returns its path. */
  configure(name: string, settings: object): string;
  run(...argv: readonly string[]): Promise<Ran>;
  /** The JSON that a command prints with `-o json`. */
  json<T>(...argv: readonly string[]): Promise<T>;
  start(...argv: readonly string[]): RunningCommand;
  /** Sleeps with these labels, so that the test's containers can be found and are removed. */
  readonly label: string;
  /** What the engine has of this test, by name. */
  containers(): Promise<
    readonly { readonly id: string; readonly state: string; readonly startedAt: string }[]
  >;
}

/** Nothing of it is left behind, containers included: those that carry its label. */
export function createCli(t: Test): Cli {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-cli-'));
  const label = `troupe-test=${directory}`;
  const running = new Set<RunningCommand>();
  const start = (...argv: readonly string[]): RunningCommand => {
    const child = spawn(process.execPath, [entry, ...argv], {
      env: { PATH: process.env['PATH'], HOME: directory, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    const command: RunningCommand = {
      child,
      output: () => out + err,
      ended: once(child, 'close').then(([code]) => {
        running.delete(command);
        return { code: code as number | null, out, err };
      }),
      async kill() {
        child.kill('SIGKILL');
        await command.ended;
      },
    };
    running.add(command);
    return command;
  };
  const list = () => docker.listContainers({ all: true, filters: { label: [label] } });
  t.teardown(async () => {
    await Promise.all([...running].map((command) => command.kill()));
    for (const { Id } of await list()) await docker.getContainer(Id).remove({ force: true, v: true });
    await removeRemains(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    label,
    configure(name, settings) {
      const path = join(directory, `${name}.yaml`);
      writeFileSync(path, stringify(settings));
      return path;
    },
    run: (...argv) => start(...argv).ended,
    async json<T>(...argv: readonly string[]) {
      const { code, out, err } = await start('-o', 'json', ...argv).ended;
      if (code !== 0) throw new Error(`troupe ${argv.join(' ')} ended with ${code}: ${err}`);
      return JSON.parse(out) as T;
    },
    start,
    async containers() {
      const found = await list();
      return Promise.all(
        found.map(async ({ Id }) => {
          const { State } = await docker.getContainer(Id).inspect();
          return { id: Id, state: State.Status, startedAt: State.StartedAt };
        }),
      );
    },
  };
}
