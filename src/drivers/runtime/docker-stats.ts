/**
 * What a container at a Docker engine has used. The kernel is asked, since an engine that doesn't know the
 * network of a container's sandbox says nothing of the container at all (seen with Docker 20.10).
 */
import { readFile, readlink } from 'node:fs/promises';
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import type { DockerEngine } from './docker-engine.ts';
import type { EngineReply } from './engine-request.ts';
import { cgroupUsage } from './cgroup-usage.ts';
import { refusal } from './docker-errors.ts';
import { requireContainer } from './docker-find.ts';
import type { StatsPower, StatsSample } from './runtime-powers.ts';

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerStats */
interface EngineStats {
  readonly read: string;
  readonly cpu_stats: {
    readonly cpu_usage: { readonly total_usage: number };
    readonly system_cpu_usage?: number;
    readonly online_cpus?: number;
  };
  readonly memory_stats: { readonly usage?: number; readonly limit?: number };
  readonly blkio_stats: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly networks?: Readonly<Record<string, Traffic>>;
}

interface Traffic {
  readonly rx_bytes: number;
  readonly tx_bytes: number;
}

export function dockerStats(engine: DockerEngine, { now }: Pick<Environment, 'now'>): StatsPower {
  return {
    async sample(containerId, signal) {
      const info = await requireContainer(engine, containerId, signal);
      if (!info.State.Running) throw notRunning(containerId);
      const { Pid } = info.State;
      const [used, traffic] = await Promise.all([cgroupUsage(Pid, info.Id), trafficOf(Pid)]);
      if (!used || !traffic) return askEngine(engine, containerId, info.Id, signal);
      return { at: now(), ...used, ...trafficSums(traffic) };
    },
  };
}

/** What the engine says: of a container that isn't this kernel's. */
async function askEngine(
  engine: DockerEngine,
  containerId: string,
  engineId: string,
  signal: AbortSignal,
): Promise<StatsSample> {
  const reply = await measure(engine, engineId, signal);
  if (!reply.ok) {
    if (reply.status === 404 || reply.status === 409) throw notRunning(containerId);
    throw refusal('The container could not be measured', reply.status, reply.message);
  }
  const { read, cpu_stats, memory_stats, blkio_stats, networks } = reply.body;
  if (Date.parse(read) < 0)
    throw new TroupeError('ENGINE_ERROR', `The engine does not tell what container "${containerId}" uses`);
  const blocks = blkio_stats.io_service_bytes_recursive ?? [];
  const blockBytes = (name: string): number =>
    sum(blocks.filter(({ op }) => op.toLowerCase() === name).map(({ value }) => value));
  return {
    at: Date.parse(read),
    cpuNanos: cpu_stats.cpu_usage.total_usage,
    systemCpuNanos: cpu_stats.system_cpu_usage ?? 0,
    cpus: cpu_stats.online_cpus ?? 0,
    memoryBytes: memory_stats.usage ?? 0,
    memoryLimitBytes: memory_stats.limit ?? 0,
    blockReadBytes: blockBytes('read'),
    blockWriteBytes: blockBytes('write'),
    ...trafficSums(Object.values(networks ?? {})),
  };
}

/** What it uses now; 0 when that can't be told. */
export async function memoryUsage(
  engine: DockerEngine,
  { Id, State }: Docker.ContainerInspectInfo,
  signal: AbortSignal,
): Promise<number> {
  const used = await cgroupUsage(State.Pid, Id);
  if (used) return used.memoryBytes;
  const reply = await measure(engine, Id, signal);
  return reply.ok ? (reply.body.memory_stats.usage ?? 0) : 0;
}

function measure(
  engine: DockerEngine,
  engineId: string,
  signal: AbortSignal,
): Promise<EngineReply<EngineStats>> {
  return engine.send<EngineStats>({
    method: 'GET',
    path: `/containers/${engineId}/stats`,
    // Without the second sample, for which the engine would wait.
    query: { stream: '0', 'one-shot': '1' },
    signal,
  });
}

/**
 * What has passed each interface of the process's network namespace but
 * loopback. The engine counts those it plugged in itself, which is none of a
 * sandbox's.
 *
 * @returns null when it can't be seen from here, as in a virtual machine
 */
async function trafficOf(pid: number): Promise<readonly Traffic[] | null> {
  if (pid <= 1) return null;
  try {
    const [theirs, ours] = await Promise.all([pid, 'self'].map((each) => readlink(`/proc/${each}/ns/net`)));
    if (theirs === ours) return null;
    const [, , ...lines] = (await readFile(`/proc/${pid}/net/dev`, 'utf8')).trimEnd().split('\n');
    return lines.flatMap((line) => {
      const [name = '', figures = ''] = line.split(':');
      // proc(5): eight columns of what was received, bytes first, then eight of what was sent.
      const columns = figures.trim().split(/\s+/).map(Number);
      return name.trim() === 'lo' ? [] : [{ rx_bytes: columns[0] ?? 0, tx_bytes: columns[8] ?? 0 }];
    });
  } catch {
    return null;
  }
}

function trafficSums(
  traffic: readonly Traffic[],
): Pick<StatsSample, 'networkReceivedBytes' | 'networkSentBytes'> {
  return {
    networkReceivedBytes: sum(traffic.map(({ rx_bytes }) => rx_bytes)),
    networkSentBytes: sum(traffic.map(({ tx_bytes }) => tx_bytes)),
  };
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}

function notRunning(containerId: string): TroupeError {
  return new TroupeError('INVALID_STATE', `Container "${containerId}" can't be measured: it does not run`);
}
