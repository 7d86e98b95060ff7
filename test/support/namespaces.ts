/** Network namespaces of a test's own, and a machine's networking inside one of them. Needs root. */
import { randomBytes } from 'node:crypto';
import { createHost, type Host } from '../../src/drivers/host.ts';
import { program } from './run-program.ts';

export interface TestNamespace {
  readonly name: string;
  readonly path: string;
  /** Runs a program in it; rejects when it fails. */
  run(name: string, ...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Short enough for names of links that belong to it. */
export const newTestName = (): string => `tt${randomBytes(4).toString('hex')}`;

/** As an engine makes them: IPv6 is off, and so is `lo`. */
export async function makeNamespace(): Promise<TestNamespace> {
  const name = newTestName();
  await program('ip', 'netns', 'add', name);
  const run = (command: string, ...args: readonly string[]) =>
    program('nsenter', `--net=/run/netns/${name}`, '--', command, ...args);
  const path = `/run/netns/${name}`;
  for (const which of ['all', 'default'])
    await hostInside(path).writeSetting(`net/ipv6/conf/${which}/disable_ipv6`, '1');
  return { name, path, run, remove: async () => void (await program('ip', 'netns', 'delete', name)) };
}

/** The machine whose networking is a namespace's: its links, rules and settings are that namespace's. */
export function hostInside(namespacePath: string): Host {
  const host = createHost();
  const enter = (command: string, args: readonly string[]) =>
    ['nsenter', [`--net=${namespacePath}`, '--', command, ...args]] as const;
  return {
    networkNamespace: namespacePath,
    run: (command, args, options) => host.run(...enter(command, args), options),
    async readSetting(path) {
      const signal = AbortSignal.timeout(30_000);
      const result = await host.run(...enter('cat', [`/proc/sys/${path}`]), { signal });
      return result.status === 0 ? result.output.trimEnd() : null;
    },
    async readLinkFile(link, path) {
      const signal = AbortSignal.timeout(30_000);
      // Links of a namespace are seen in a mount that was made in it.
      const script = 'mount -t sysfs sysfs /sys && exec cat "/sys/class/net/$0/$1"';
      const args = ['--mount', 'sh', '-c', script, link, path];
      const result = await host.run(...enter('unshare', args), { signal });
      return result.status === 0 ? result.output.trimEnd() : null;
    },
    async writeSetting(path, value) {
      const signal = AbortSignal.timeout(30_000);
      const result = await host.run(...enter('tee', [`/proc/sys/${path}`]), { input: value, signal });
      if (result.status !== 0) throw new Error(result.errors);
    },
  };
}
