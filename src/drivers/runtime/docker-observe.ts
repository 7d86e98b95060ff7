/** Docker's inspection as an observation. */
import type Docker from 'dockerode';
import type { EngineState, Observation } from '../../model/container.ts';
import type { Health } from '../../model/health.ts';
import { failedExec } from './exec-failure.ts';
import { readLabels } from './docker-labels.ts';
import { explainStart } from './start-failure.ts';

/** Null when its labels say that it is not ours. */
export function toObservation(info: Docker.ContainerInspectInfo): Observation | null {
  const labels = readLabels(info.Config.Labels);
  if (!labels) return null;
  const startedAt = epochMs(info.State.StartedAt);
  const state = info.State.Status as EngineState;
  const hasEnded = startedAt !== null && (state === 'exited' || state === 'dead');
  return {
    containerId: labels.id,
    tenant: labels.tenant,
    generation: labels.generation,
    engineId: info.Id,
    state,
    startedAt,
    finishedAt: hasEnded ? epochMs(info.State.FinishedAt) : null,
    exitCode: hasEnded ? info.State.ExitCode : null,
    oomKilled: info.State.OOMKilled,
    error: info.State.Error === '' ? null : explainStart(info.State.Error),
    // Docker calls what has ended unhealthy, since its checks have.
    ...(hasEnded ? { health: 'none' as const } : toHealth(info.State.Health)),
    hostname: labels.hostname ?? (info.Config.Hostname === '' ? null : info.Config.Hostname),
    addresses: toAddresses(info),
    command: info.Config.Cmd ?? [],
    entrypoint: toList(info.Config.Entrypoint),
    ports: toPorts(info),
  };
}

/** Docker says "never" as `0001-01-01T00:00:00Z`. */
function epochMs(time: string): number | null {
  const ms = Date.parse(time);
  return ms > 0 ? ms : null;
}

type EngineHealth = Docker.ContainerInspectInfo['State']['Health'];

function toHealth(told: EngineHealth): Pick<Observation, 'health' | 'healthReason'> {
  const status = told?.Status;
  const health: Health =
    status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none';
  if (health !== 'unhealthy') return { health };
  const last = told?.Log?.at(-1);
  return { health, healthReason: last ? failedExec(last.ExitCode, last.Output) : null };
}

function toAddresses(info: Docker.ContainerInspectInfo): string[] {
  return Object.values(info.NetworkSettings.Networks ?? {})
    .flatMap((network) => [network.IPAddress, network.GlobalIPv6Address])
    .filter((address) => address !== '' && address !== undefined);
}

function toPorts(info: Docker.ContainerInspectInfo): number[] {
  const ports = Object.keys(info.Config.ExposedPorts ?? {}).map((port) => Number.parseInt(port, 10));
  return [...new Set(ports)].filter((port) => port > 0).toSorted((one, other) => one - other);
}

function toList(value: string | string[] | null | undefined): string[] | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? [value] : value;
}
