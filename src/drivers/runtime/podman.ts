/**
 * The runtime driver for Podman (4.3 and newer), by the Docker-compatible API of
 * `podman system service` on a unix socket: Docker's driver in Podman's dialect.
 *
 * Its containers.conf should have `exit_command_delay` at some seconds: a
 * process waits that long behind each command run in a container, five minutes
 * by default. Events that Podman keeps in a file (`events_logger = "file"`) it
 * looks for four times a second, so they come 130 ms late on average.
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
  readonly environment: Pick<Environment, 'now' | 'schedule' | 'random' | 'monotonic'>;
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
