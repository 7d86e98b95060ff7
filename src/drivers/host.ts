/**
 * The machine as drivers see it: its programs and its kernel settings. An
 * argument of each driver, so that a test can give it a machine of its own (a
 * network namespace), or one that dies at any command.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { TroupeError } from '../errors/errors.ts';

export interface CommandOptions {
  readonly input?: string;
  /** An open file the program sees as `/proc/self/fd/3`. */
  readonly fd?: number;
  /** Aborting ends the program. */
  readonly signal: AbortSignal;
}

export interface CommandResult {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

export interface Host {
  /** The network namespace that programs run in, as a path. */
  readonly networkNamespace: string;
  /**
   * Runs a program to its end, never through a shell.
   *
   * @returns whatever its status is
   * @throws TroupeError HOST_INCAPABLE when there is no such program, TIMED_OUT when `signal` aborts
   */
  run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>;
  /** A file under /proc/sys, without the line's end; null where this kernel has none. */
  readSetting(path: string): Promise<string | null>;
  writeSetting(path: string, value: string): Promise<void>;
  /** A file of a link of the host's under /sys/class/net, without the line's end; null where there is none. */
  readLinkFile(link: string, path: string): Promise<string | null>;
}

export interface HostOptions {
  /**
   * Folders with programs, parted by colons.
   *
   * @defaultValue the usual ones: where a program is looked for doesn't depend on who started the agent
   */
  readonly searchPath?: string;
}

const usualSearchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Debian's package of each program that drivers run. */
const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  ss: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  ip6tables: 'iptables',
  conntrack: 'conntrack',
  nsenter: 'util-linux',
  'ovs-vsctl': 'openvswitch-switch',
  ethtool: 'ethtool',
  mount: 'mount',
  umount: 'mount',
  blkid: 'util-linux',
  blockdev: 'util-linux',
  losetup: 'mount',
  '/usr/bin/python3': 'python3-os-brick',
  'mkfs.ext4': 'e2fsprogs',
  chattr: 'e2fsprogs',
  setquota: 'quota',
  repquota: 'quota',
};

export function createHost({ searchPath = usualSearchPath }: HostOptions = {}): Host {
  return {
    networkNamespace: '/proc/self/ns/net',
    run: (program, args, options) => run(searchPath, program, args, options),
    readSetting: (path) => readKernelFile(`/proc/sys/${path}`),
    writeSetting: (path, value) => writeFile(`/proc/sys/${path}`, value),
    readLinkFile: (link, path) => readKernelFile(`/sys/class/net/${link}/${path}`),
  };
}

async function readKernelFile(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trimEnd();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function run(
  searchPath: string,
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { input = '', fd, signal } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // What it says is read: it speaks English.
      env: { PATH: searchPath, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
      signal,
      killSignal: 'SIGKILL',
    });
    let [output, errors] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
    // A program that ends before it has read all tells why by its status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.on('error', (error) => reject(spawnFailure(program, error, signal)));
    child.on('close', (status) => resolve({ status: status ?? -1, output, errors }));
  });
}

function spawnFailure(program: string, error: Error, signal: AbortSignal): TroupeError {
  if (signal.aborted)
    return signal.reason instanceof TroupeError
      ? signal.reason
      : new TroupeError('TIMED_OUT', `"${program}" did not end before the wait was given up`, {
          cause: error,
        });
  if (!isMissing(error))
    return new TroupeError('HOST_INCAPABLE', `"${program}" could not be run: ${error.message}`, {
      cause: error,
      retryable: true,
    });
  const from = packages[program];
  return new TroupeError(
    'HOST_INCAPABLE',
    `This host has no program "${program}"${from === undefined ? '' : `; install the package "${from}"`}`,
    { cause: error, details: { program } },
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
