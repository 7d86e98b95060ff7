/**
 * The runtime driver for Podman (4.3 and newer), by the Docker-compatible API of
 * `podman system service` on a unix socket: Docker's driver in Podman's dialect.
 */
import type { Environment } from '../../model/environment.ts';
import { createDriver } from './docker.ts';
import type { LogRetention } from './docker-create.ts';
import { podmanDialect } from './podman-dialect.ts';
import { podmanSandboxes } from './podman-sandboxes.ts';
import type { RuntimeDriver } from './runtime-driver.ts';
import type { RuntimePowers } from './runtime-powers.ts';

export interface PodmanDriverOptions {
  readonly socketPath: string;
  /** The name this host goes by. */
  readonly hostname: string;
  readonly environment: Pick<Environment, 'schedule' | 'random' | 'monotonic'>;
  /**
   * Where records of sandboxes are kept: of this agent alone, and emptied by a reboot, as namespaces are.
   *
   * @defaultValue /run/troupe/sandboxes
   */
  readonly sandboxFolder?: string;
  /** What is kept of each container's output; Podman keeps one file. @defaultValue 3 files of 10 MiB */
  readonly logging?: LogRetention;
}

export function createPodmanDriver(options: PodmanDriverOptions): RuntimeDriver & RuntimePowers {
  const sandboxes = podmanSandboxes(options.sandboxFolder ?? '/run/troupe/sandboxes');
  return createDriver(options, podmanDialect, () => sandboxes, sandboxes.watch);
}
