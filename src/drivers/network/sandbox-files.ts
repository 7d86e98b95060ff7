/**
 * `hosts`, `resolv.conf` and `hostname` of each sandbox, as files that its
 * containers have mounted over theirs. A mounted file is an inode: these are
 * never replaced, only rewritten in place.
 */
import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TroupeError } from '../../errors/errors.ts';
import { isUuid } from '../../model/uuid.ts';
import { checkName, type HostEntry, renderHosts } from './hosts-file.ts';
import { hexOf } from './link-names.ts';
import { type Dns, readResolvConf, renderResolvConf } from './resolv-conf.ts';

export interface SandboxFilesSpec {
  readonly sandboxId: string;
  readonly hostname: string;
  /** Of the sandbox itself, without prefix. */
  readonly addresses: readonly string[];
  readonly neighbours: readonly HostEntry[];
  /** Null = what this host asks, as far as it holds in a container. */
  readonly dns: Dns | null;
}

export interface SandboxPaths {
  readonly hosts: string;
  readonly resolvConf: string;
  readonly hostname: string;
  /** None when this host has none that a container could ask. */
  readonly nameservers: readonly string[];
}

export interface SandboxFiles {
  /** Written anew whenever it is called. */
  ensure(spec: SandboxFilesSpec): Promise<SandboxPaths>;
  /** Only who else is there, where a neighbour came or went. */
  tell(spec: Omit<SandboxFilesSpec, 'dns'>): Promise<void>;
  remove(sandboxId: string): Promise<void>;
  /** The ids of the sandboxes that have files. */
  list(): Promise<readonly string[]>;
}

export interface SandboxFilesOptions {
  /** Ours alone; made when it is missing. */
  readonly directory: string;
  /**
   * Where this host keeps whom it asks, the first with an answer wins.
   *
   * @defaultValue /etc/resolv.conf, and where systemd-resolved keeps the servers it asks itself
   */
  readonly resolvConfs?: readonly string[];
}

const usualResolvConfs = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

export function createSandboxFiles(options: SandboxFilesOptions): SandboxFiles {
  const { directory, resolvConfs = usualResolvConfs } = options;
  const folderOf = (sandboxId: string): string => {
    hexOf(sandboxId);
    return join(directory, sandboxId);
  };
  return {
    async ensure({ sandboxId, hostname, addresses, neighbours, dns }) {
      const folder = folderOf(sandboxId);
      checkName(hostname);
      const asked = dns ?? (await hostsDns(resolvConfs));
      const contents = {
        hosts: renderHosts(hostname, addresses, neighbours),
        'resolv.conf': renderResolvConf(asked),
        hostname: `${hostname}\n`,
      };
      await mkdir(folder, { recursive: true });
      // Whatever the agent's umask is: containers run as anybody.
      await chmod(folder, 0o755);
      for (const [name, content] of Object.entries(contents)) await writeInPlace(join(folder, name), content);
      return {
        hosts: join(folder, 'hosts'),
        resolvConf: join(folder, 'resolv.conf'),
        hostname: join(folder, 'hostname'),
        nameservers: asked.nameservers,
      };
    },
    tell: ({ sandboxId, hostname, addresses, neighbours }) =>
      writeInPlace(join(folderOf(sandboxId), 'hosts'), renderHosts(hostname, addresses, neighbours)),
    remove: (sandboxId) => rm(folderOf(sandboxId), { recursive: true, force: true }),
    async list() {
      const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      return found.filter(isUuid).toSorted();
    },
  };
}

async function hostsDns(paths: readonly string[]): Promise<Dns> {
  let first: Dns | null = null;
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) continue;
    const dns = readResolvConf(text);
    if (dns.nameservers.length > 0) return dns;
    first ??= dns;
  }
  return first ?? { nameservers: [], search: [], options: [] };
}

/**
 * The same inode, and at each moment a file that reads well: what is longer
 * than the new content is blank lines before it is cut off, so a crash in
 * between leaves no half line either.
 */
async function writeInPlace(path: string, content: string): Promise<void> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOSPC'
        ? new TroupeError(
            'DISK_FULL',
            'The files of a sandbox could not be written: the disk of this host is full',
          )
        : new TroupeError(
            'NETWORK_ERROR',
            `The file "${path}" of a sandbox could not be written (${error.code})`,
            {
              cause: error,
            },
          );
    },
  );
  try {
    await file.chmod(0o644);
    const before = await file.readFile();
    const next = Buffer.from(content);
    if (before.equals(next)) return;
    const padding = Buffer.alloc(Math.max(0, before.length - next.length), '\n');
    await file.write(Buffer.concat([next, padding]), 0, undefined, 0);
    await file.truncate(next.length);
  } finally {
    await file.close();
  }
}
