/**
 * The runtime driver for Docker (API 1.41, Docker 20.10, and newer) on a unix
 * socket. It keeps no state: what is asked twice is found at the engine by
 * name and labels (`docker-labels.ts`).
 */
import type { Environment } from '../../model/environment.ts';
import { dockerContainers } from './docker-containers.ts';
import type { LogRetention } from './docker-create.ts';
import { dockerDialect } from './docker-dialect.ts';
import { createDockerEngine } from './docker-engine.ts';
import { dockerEvents } from './docker-events.ts';
import { dockerFingerprint } from './docker-fingerprint.ts';
import { dockerImages } from './docker-images.ts';
import { openLogs } from './docker-logs.ts';
import { dockerSandboxes } from './docker-sandboxes.ts';
import type { RuntimeDriver } from './runtime-driver.ts';

export interface DockerDriverOptions {
  readonly socketPath: string;
  /** The name this host goes by. */
  readonly hostname: string;
  readonly environment: Pick<Environment, 'schedule' | 'random'>;
  /** What is kept of each container's output. @defaultValue 3 files of 10 MiB */
  readonly logging?: LogRetention;
}

const defaultLogging: LogRetention = { maxSizeMib: 10, maxFiles: 3 };

export function createDockerDriver(options: DockerDriverOptions): RuntimeDriver {
  const engine = createDockerEngine(options.socketPath, dockerDialect);
  const sandboxes = dockerSandboxes(engine);
  return {
    name: 'docker',
    fingerprint: (signal) => dockerFingerprint(engine, options.hostname, signal),
    ...dockerImages(engine),
    ensureSandbox: sandboxes.ensure,
    removeSandbox: sandboxes.remove,
    listSandboxes: sandboxes.list,
    ...dockerContainers(engine, sandboxes, options.logging ?? defaultLogging),
    events: (signal) => dockerEvents(engine, options.environment, signal),
    logs: (containerId, logOptions, signal) => openLogs(engine, containerId, logOptions, signal),
    close: async () => engine.close(),
  };
}
