import type { ContainerFiles } from '../drivers/runtime/runtime-driver.ts';
import type { Port } from '../model/network.ts';

/** What containers see as /etc/hosts, /etc/resolv.conf and /etc/hostname: names of all that share a network. */
export interface NameFiles {
  plugged(
    sandboxId: string,
    seen: { readonly hostname: string | null; readonly ports: readonly Port[] },
  ): Promise<void>;
  unplugged(sandboxId: string, portId: string): Promise<void>;
  /** Its container and what it is called from now on; gives the files to show inside. */
  named(sandboxId: string, containerId: string, names: readonly string[]): Promise<ContainerFiles>;
  removed(sandboxId: string): Promise<void>;
}
