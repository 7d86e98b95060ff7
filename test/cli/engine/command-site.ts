/** The real `bin/troupe` on a state directory, port and configuration of the test's own; nothing is left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { ensureDocker, testImage } from '../../support/docker.ts';
import { removeRemains } from '../../support/host-remains.ts';
import { projectFolder } from '../../support/project.ts';
import { freePort } from '../../support/redis.ts';

export { testImage };

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly out: string;
  readonly err: string;
  /** Resolves once what was written to either matches. */
  written(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Ended>;
}

export interface CommandSite {
  readonly directory: string;
  readonly port: number;
  readonly configFile: string;
  /** One command line, to its end. */
  run(...argv: readonly string[]): Promise<Ended>;
  /** The same with other variables. */
  runWith(environment: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<Ended>;
  start(...argv: readonly string[]): RunningCommand;
  json<T>(...argv: readonly string[]): Promise<T>;
}

const troupe = join(projectFolder(), 'bin', 'troupe');

type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** @param settings beside `state.directory` and `api.port`, by section */
export async function createCommandSite(
  t: Pick<Test, 'teardown'>,
  settings: Settings = {},
): Promise<CommandSite> {
  await ensureDocker();
  const directory = mkdtempSync(join(tmpdir(), 'troupe-cli-'));
  const port = await freePort();
  const configFile = join(directory, 'config.yaml');
  const content = {
    ...settings,
    state: { directory: join(directory, 'state'), ...settings['state'] },
    api: { port, ...settings['api'] },
  };
  writeFileSync(configFile, stringify(content));
  const environment = { PATH: process.env['PATH']!, HOME: directory, TROUPE_CONFIG_FILE: configFile };
  const running = new Set<ChildProcess>();

  const start = (variables: Readonly<Record<string, string>>, argv: readonly string[]): RunningCommand => {
    const child = spawn(troupe, argv, {
      env: { ...environment, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let [out, err] = ['', ''];
    let look: () => void = () => {};
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      look();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      look();
    });
    const ended = once(child, 'close').then(([code]): Ended => {
      running.delete(child);
      look();
      return { code: code as number | null, out, err };
    });
    return {
      child,
      get out() {
        return out;
      },
      get err() {
        return err;
      },
      async written(pattern) {
        while (!pattern.test(`${out}\n${err}`)) {
          if (child.exitCode !== null)
            throw new Error(`It ended with ${child.exitCode} before it wrote ${pattern}: ${out}${err}`);
          await new Promise<void>((resolve) => (look = resolve));
        }
      },
      ended,
    };
  };

  const site: CommandSite = {
    directory,
    port,
    configFile,
    run: (...argv) => start({}, argv).ended,
    runWith: (variables, ...argv) => start(variables, argv).ended,
    start: (...argv) => start({}, argv),
    async json<T>(...argv: readonly string[]) {
      const { code, out, err } = await site.run(...argv, '-o', 'json');
      if (code !== 0) throw new Error(`troupe ${argv.join(' ')} ended with ${code}: ${err}`);
      return JSON.parse(out) as T;
    },
  };
  t.teardown(async () => {
    for (const child of running) child.kill('SIGKILL');
    await site.run('down');
    await removeRemains(directory, undefined, settings['network']?.['ovsdb'] as string | undefined);
    rmSync(directory, { recursive: true, force: true });
  });
  return site;
}

/** Deletes what runs on the site, for a test that leaves containers; to be called before the site's own end. */
export async function removeContainers(site: CommandSite): Promise<void> {
  const containers = await site.json<readonly { uuid: string }[]>('list', '-a');
  if (containers.length > 0) await site.run('rm', '--force', '--wait', ...containers.map(({ uuid }) => uuid));
}
