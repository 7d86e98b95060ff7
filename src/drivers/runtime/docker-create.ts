/**
 * A container's spec as the body of Docker's create.
 *
 * Never set: privileged, host namespaces, capabilities, devices, host paths
 * that a user named (DESIGN rule 12). `no-new-privileges` is not set either: images whose `su`,
 * `sudo` or `ping` is setuid work under Zun and would break.
 */
import type Docker from 'dockerode';
import { type HealthCheck, isEngineCheck } from '../../model/health.ts';
import { containerLabels } from './docker-labels.ts';
import { cpuShares, nanoCpus } from './docker-update.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { CreateOptions } from './runtime-driver.ts';
import type { Membership } from './sandbox-keeper.ts';

/** What of a container's output is kept on the host. */
export interface LogRetention {
  readonly maxSizeMib: number;
  readonly maxFiles: number;
}

const mib = 1024 * 1024;
const nanosecondsPerSecond = 1e9;

/** @throws TroupeError INVALID_SPEC */
export function toCreateBody(
  identity: OperationIdentity,
  { spec, run }: Pick<CreateOptions, 'spec' | 'run'>,
  membership: Membership | null,
  mounts: Docker.MountConfig,
  logs: LogRetention,
  runsHealthChecks: boolean,
): Docker.ContainerCreateOptions {
  const hostname = membership ? membership.ownHostname : spec.hostname;
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.workdir !== null && { WorkingDir: spec.workdir }),
    ...(hostname !== null && { Hostname: hostname }),
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    Labels: containerLabels(identity, run, membership, spec.labels),
    Tty: spec.tty,
    OpenStdin: spec.interactive,
    ...(spec.healthcheck && runsHealthChecks && { Healthcheck: toHealthConfig(spec.healthcheck) }),
    HostConfig: {
      ...limits(spec),
      ...(spec.runtime !== null && { Runtime: spec.runtime }),
      NetworkMode: membership?.networkMode ?? 'bridge',
      ...(mounts.length > 0 && { Mounts: mounts }),
      // Whether it runs again is the chart's decision alone.
      RestartPolicy: { Name: 'no' },
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': `${logs.maxSizeMib}m`, 'max-file': String(logs.maxFiles) },
      },
    },
  };
}

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate */
function toHealthConfig(check: HealthCheck): Docker.HealthConfig {
  const { probe, intervalSeconds, timeoutSeconds, retries, startPeriodSeconds } = check;
  // Not the image's own either: the agent's is the one that was asked.
  if (probe.type !== 'exec' || !isEngineCheck(check)) return { Test: ['NONE'] };
  return {
    Test: ['CMD-SHELL', probe.test],
    Interval: intervalSeconds * nanosecondsPerSecond,
    Timeout: timeoutSeconds * nanosecondsPerSecond,
    Retries: retries,
    StartPeriod: startPeriodSeconds * nanosecondsPerSecond,
  };
}

function limits(spec: CreateOptions['spec']): Docker.HostConfig {
  const memory = spec.memoryMib === null ? null : spec.memoryMib * mib;
  return {
    // A limit, and beside it the weight by which a busy host shares its processors.
    ...(spec.cpu !== null && { NanoCpus: nanoCpus(spec.cpu), CpuShares: cpuShares(spec.cpu) }),
    // Memory and swap together: no swap beyond what was asked.
    ...(memory !== null && { Memory: memory, MemorySwap: memory }),
    ...(spec.pidsLimit > 0 && { PidsLimit: spec.pidsLimit }),
    ...(spec.diskGib > 0 && { StorageOpt: { size: `${spec.diskGib}G` } }),
  };
}
