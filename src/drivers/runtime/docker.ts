/**
 * The runtime driver for Docker (API 1.41, Docker 20.10, and newer) on a unix
 * socket. It keeps no state: what is asked twice is found at the engine by
 * name and labels (`docker-labels.ts`).
 */
import type { Environment } from '../../model/environment.ts';
import { createHost } from '../host.ts';
import { dockerArchives } from './docker-archives.ts';
import { dockerCommit } from './docker-commit.ts';
import { dockerContainers } from './docker-containers.ts';
import type { LogRetention } from './docker-create.ts';
import { dockerDialect } from './docker-dialect.ts';
import { createDockerEngine, type DockerEngine } from './docker-engine.ts';
import { dockerEvents, type EventSource } from './docker-events.ts';
import { dockerExec } from './docker-exec.ts';
import { dockerFingerprint } from './docker-fingerprint.ts';
import { dockerImageTools } from './docker-image-tools.ts';
import { dockerImageTransfer } from './docker-image-transfer.ts';
import { dockerImages } from './docker-images.ts';
import { dockerInside } from './docker-inside.ts';
import { openLogs } from './docker-logs.ts';
import { dockerPause } from './docker-pause.ts';
import { dockerSandboxes } from './docker-sandboxes.ts';
import { dockerStats } from './docker-stats.ts';
import { dockerAttach } from './docker-terminal.ts';
import { dockerTop } from './docker-top.ts';
import { dockerUpdate } from './docker-update.ts';
import type { EngineDialect } from './engine-dialect.ts';
import type { RuntimeDriver } from './runtime-driver.ts';
import type { RuntimePowers } from './runtime-powers.ts';
import type { SandboxKeeper } from './sandbox-keeper.ts';

export interface DockerDriverOptions {
  readonly socketPath: string;
  /** The name this host goes by. */
  readonly hostname: string;
  readonly environment: Pick<Environment, 'now' | 'schedule' | 'random' | 'monotonic'>;
  /** What is kept of each container's output. @defaultValue 3 files of 10 MiB */
  readonly logging?: LogRetention;
}

const defaultLogging: LogRetention = { maxSizeMib: 10, maxFiles: 3 };

export function createDockerDriver(options: DockerDriverOptions): RuntimeDriver & RuntimePowers {
  return createDriver(options, dockerDialect, dockerSandboxes);
}

/**
 * A driver for an engine that speaks Docker's API in some dialect.
 *
 * @param tellMore what else tells events
 */
export function createDriver(
  { socketPath, hostname, environment, logging = defaultLogging }: DockerDriverOptions,
  dialect: EngineDialect,
  keepSandboxes: (engine: DockerEngine) => SandboxKeeper,
  tellMore: EventSource = () => undefined,
): RuntimeDriver & RuntimePowers {
  const engine = createDockerEngine(socketPath, dialect);
  const sandboxes = keepSandboxes(engine);
  return {
    name: dialect.name,
    runsHealthChecks: dialect.runsHealthChecks,
    fingerprint: (signal) => dockerFingerprint(engine, hostname, signal),
    ...dockerImages(engine),
    ensureSandbox: sandboxes.ensure,
    removeSandbox: sandboxes.remove,
    listSandboxes: sandboxes.list,
    ...dockerContainers(engine, sandboxes, logging),
    pause: dockerPause(engine),
    update: dockerUpdate(engine),
    inside: dockerInside(engine, createHost()),
    exec: dockerExec(engine, environment),
    attach: dockerAttach(engine),
    top: dockerTop(engine),
    stats: dockerStats(engine, environment),
    archive: dockerArchives(engine),
    commit: dockerCommit(engine),
    imageTools: dockerImageTools(engine),
    imageTransfer: dockerImageTransfer(engine),
    events: (signal) => dockerEvents(engine, environment, tellMore, signal),
    logs: (containerId, logOptions, signal) => openLogs(engine, containerId, logOptions, signal),
    close: async () => engine.close(),
  };
}
