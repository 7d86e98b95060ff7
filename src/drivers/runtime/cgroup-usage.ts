/**
 * What a container has used, from its control groups: version 1 and 2 of them.
 *
 * @see Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{cpuacct,memory,blkio-controller}.rst of the kernel
 */
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { StatsSample } from './runtime-powers.ts';

export type CgroupUsage = Omit<StatsSample, 'at' | 'networkReceivedBytes' | 'networkSentBytes'>;

/** Where the kernel tells: of groups, where systemd, Debian's cgroupfs-mount and Docker itself mount them. */
export interface KernelFolders {
  readonly proc: string;
  readonly cgroup: string;
}

const usual: KernelFolders = { proc: '/proc', cgroup: '/sys/fs/cgroup' };
/** Of /proc/stat: USER_HZ, which is 100 for every program. */
const nanosPerTick = 1e7;

/**
 * @param engineId part of the name of its groups: whose process this is, should the number be another's by now
 * @returns null when its groups can't be seen from here, as in a virtual machine
 */
export async function cgroupUsage(
  pid: number,
  engineId: string,
  { proc, cgroup }: KernelFolders = usual,
): Promise<CgroupUsage | null> {
  try {
    const groups = groupsOf(await readFile(join(proc, String(pid), 'cgroup'), 'utf8'), engineId);
    const [used, systemCpuNanos] = await Promise.all([
      groups.has('memory') ? usageOf1(cgroup, groups) : usageOf2(cgroup, groups),
      systemCpu(proc),
    ]);
    const { memoryLimitBytes } = used;
    return {
      ...used,
      systemCpuNanos,
      cpus: cpus().length,
      memoryLimitBytes: Math.min(memoryLimitBytes, totalmem()),
    };
  } catch {
    return null;
  }
}

/** A controller's name, or '' for the second version's, and the folder of the container's group below its mount. */
function groupsOf(text: string, engineId: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.trimEnd().split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const parts = path.split('/');
    const own = parts.findIndex((part) => part.includes(engineId));
    // A container may have groups of its own below that.
    if (own !== -1)
      for (const controller of controllers.split(','))
        groups.set(controller, join(...parts.slice(0, own + 1)));
  }
  return groups;
}

type Used = Omit<CgroupUsage, 'systemCpuNanos' | 'cpus'>;

async function usageOf1(root: string, groups: ReadonlyMap<string, string>): Promise<Used> {
  const read = (controller: string, file: string): Promise<string> =>
    readFile(join(root, controller, groups.get(controller) ?? '', `${controller}.${file}`), 'utf8');
  const [cpu, memory, limit, blocks] = await Promise.all([
    read('cpuacct', 'usage'),
    read('memory', 'usage_in_bytes'),
    read('memory', 'limit_in_bytes'),
    read('blkio', 'throttle.io_service_bytes').catch(() => ''),
  ]);
  // "8:0 Read 4096", for each device and what was done.
  const bytes = (what: string): number => sumOf(blocks, new RegExp(`^\\d+:\\d+ ${what} (\\d+)$`, 'gm'));
  return {
    cpuNanos: Number(cpu),
    memoryBytes: Number(memory),
    memoryLimitBytes: Number(limit),
    blockReadBytes: bytes('Read'),
    blockWriteBytes: bytes('Write'),
  };
}

async function usageOf2(root: string, groups: ReadonlyMap<string, string>): Promise<Used> {
  const folder = groups.get('');
  if (folder === undefined) throw new Error('It has no groups of its own');
  const read = (file: string): Promise<string> => readFile(join(root, folder, file), 'utf8');
  const [cpu, memory, limit, blocks] = await Promise.all([
    read('cpu.stat'),
    read('memory.current'),
    read('memory.max'),
    read('io.stat').catch(() => ''),
  ]);
  return {
    cpuNanos: sumOf(cpu, /^usage_usec (\d+)$/gm) * 1_000,
    memoryBytes: Number(memory),
    memoryLimitBytes: limit.trim() === 'max' ? Number.POSITIVE_INFINITY : Number(limit),
    // "8:0 rbytes=4096 wbytes=0 …", for each device.
    blockReadBytes: sumOf(blocks, /\brbytes=(\d+)/g),
    blockWriteBytes: sumOf(blocks, /\bwbytes=(\d+)/g),
  };
}

/** proc(5): ticks of user, nice, system, idle, iowait, irq and softirq, of all processors, as Docker counts them. */
async function systemCpu(proc: string): Promise<number> {
  const [first = ''] = (await readFile(join(proc, 'stat'), 'utf8')).split('\n');
  const ticks = first.trim().split(/\s+/).slice(1, 8).map(Number);
  return ticks.reduce((total, each) => total + each, 0) * nanosPerTick;
}

function sumOf(text: string, figure: RegExp): number {
  return [...text.matchAll(figure)].reduce((total, [, each]) => total + Number(each), 0);
}
