/** Limits of a container at a Docker engine, changed in place. */
import type Docker from 'dockerode';
import { TroupeError, toFailure } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, inspect, observed, requireOwn } from './docker-find.ts';
import { memoryUsage } from './docker-stats.ts';
import type { LimitChange } from './engine-dialect.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { Limits } from '../../model/container.ts';
import type { UpdatePower, UpdateResult } from './runtime-powers.ts';

const mib = 1024 * 1024;

export function dockerUpdate(engine: DockerEngine): UpdatePower {
  return {
    async update(identity, limits, signal) {
      const info = await requireOwn(engine, identity, signal);
      const isNow = info.State.Running || engine.dialect.updates.areKept;
      const left = isNow ? await applyLimits(engine, identity, info, limits, signal) : [];
      return { observation: observed(await inspect(engine, info.Id, signal), identity), left };
    },
  };
}

/** Whether it was created with these limits, or an engine that keeps updates was told them. */
export function hasLimits({ HostConfig }: Docker.ContainerInspectInfo, limits: Limits): boolean {
  const cpu = limits.cpu === null ? 0 : nanoCpus(limits.cpu);
  const memory = limits.memoryMib === null ? 0 : limits.memoryMib * mib;
  return (HostConfig.NanoCpus ?? 0) === cpu && (HostConfig.Memory ?? 0) === memory;
}

export function nanoCpus(cpu: number): number {
  return Math.round(cpu * 1e9);
}

/** The weight by which a busy host shares its processors; 1024 = one. */
export function cpuShares(cpu: number): number {
  return Math.max(2, Math.round(cpu * 1024));
}

/** @returns what could not be changed */
export async function applyLimits(
  engine: DockerEngine,
  identity: OperationIdentity,
  info: Docker.ContainerInspectInfo,
  limits: Limits,
  signal: AbortSignal,
): Promise<UpdateResult['left']> {
  if (engine.dialect.updates.areKept && hasLimits(info, limits)) return [];
  const left: { limit: keyof Limits; reason: string }[] = [];
  for (const change of await toChanges(engine, limits, signal)) {
    const reply = await engine.send({ ...engine.dialect.updates.request(info.Id, change), signal });
    if (reply.ok) continue;
    if (reply.status === 404) throw gone(identity);
    const problem = refusal('The container could not be updated', reply.status, reply.message);
    if (problem.code !== 'ENGINE_ERROR') throw problem;
    left.push({ limit: change.limit, reason: await explain(engine, info, change, reply.message, signal) });
  }
  return left;
}

/**
 * What a start does about limits that could not be given.
 *
 * @throws TroupeError ENGINE_ERROR
 */
export async function requireLimits(
  engine: DockerEngine,
  identity: OperationIdentity,
  info: Docker.ContainerInspectInfo,
  limits: Limits,
  signal: AbortSignal,
): Promise<void> {
  const [problem] = await applyLimits(engine, identity, info, limits, signal).catch((error: unknown) => {
    if (toFailure(error).code === 'CONTAINER_GONE') return [];
    throw error;
  });
  if (problem)
    throw new TroupeError('ENGINE_ERROR', `The container could not be given its limits: ${problem.reason}`);
}

/** An engine can't be told "no limit" again: then it is all that the host has. */
async function toChanges(
  engine: DockerEngine,
  limits: Limits,
  signal: AbortSignal,
): Promise<readonly LimitChange[]> {
  let host = { NCPU: 0, MemTotal: 0 };
  if (limits.cpu === null || limits.memoryMib === null) {
    const reply = await engine.send<typeof host>({ method: 'GET', path: '/info', signal });
    if (!reply.ok)
      throw refusal('The engine could not be asked what the host has', reply.status, reply.message);
    host = reply.body;
  }
  return [
    limits.cpu === null
      ? { limit: 'cpu', nanoCpus: nanoCpus(host.NCPU), cpuShares: cpuShares(1) }
      : { limit: 'cpu', nanoCpus: nanoCpus(limits.cpu), cpuShares: cpuShares(limits.cpu) },
    {
      limit: 'memoryMib',
      memoryBytes: limits.memoryMib === null ? host.MemTotal : limits.memoryMib * mib,
    },
  ];
}

/** Why a limit can't be had, in words. Podman doesn't tell: then it is looked up what the container uses. */
async function explain(
  engine: DockerEngine,
  info: Docker.ContainerInspectInfo,
  change: LimitChange,
  message: string,
  signal: AbortSignal,
): Promise<string> {
  if (change.limit !== 'memoryMib') return message;
  // runc: "unable to set memory limit to 16777216 (current usage: 91254784, peak usage: 134217728)"
  const told = /unable to set memory limit to \d+ \(current usage: (\d+)/.exec(message)?.[1];
  const usage = Number(told ?? (await memoryUsage(engine, info, signal)));
  if (usage > change.memoryBytes) return `it uses ${Math.ceil(usage / mib)} MiB now, which is more`;
  return message;
}
