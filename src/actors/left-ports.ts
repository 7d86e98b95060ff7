/**
 * Ports of Neutron that nobody has any more are given back: what a sandbox left
 * that has ended, as its tombstone says; and what is bound at a host that has
 * told all it has, and is of a sandbox that neither it nor any actor knows of,
 * since the store lost its tail. All else the ledger tells, and nothing is done about it.
 */
import type { InventoryResource } from '../link/protocol.ts';
import { parseAddress, sandboxAddress, type Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Neutron, NeutronPort } from '../model/neutron.ts';
import { keyOf, neutronHostOf, sandboxOf, unbound, worldTag } from './effects/neutron-ports.ts';
import type { Runtime } from './runtime.ts';

export interface LeftPortsOptions {
  readonly environment: Environment;
  readonly neutron: Neutron;
  readonly runtime: () => Runtime;
  readonly worldId: () => string;
  readonly isUnreadable: (address: Address) => boolean;
}

export interface LeftPorts {
  /** Of what has ended. */
  giveBack(): void;
  /** Also of what the store forgot. @param resources all that the host has */
  giveBackAt(hostId: string, resources: readonly InventoryResource[]): void;
}

/** Before Neutron is asked again, when it did not answer: at first, and at most. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

export function createLeftPorts({
  environment,
  neutron,
  runtime,
  worldId,
  isUnreadable,
}: LeftPortsOptions): LeftPorts {
  /** What is asked for last, by the host that it is about. */
  const newest = new Map<string, object>();

  /** @param at of this host of Neutron's; null = of all */
  const removeAll = async (
    at: string | null,
    isLeft: (port: NeutronPort, address: Address) => boolean,
  ): Promise<void> => {
    const query = { tag: worldTag(worldId()), ...(at !== null && { hostId: at }) };
    for (const port of await neutron.ports(query)) {
      const address = sandboxAddress(port.projectId, sandboxOf(port));
      const isKnown = runtime().cell(address) !== undefined || isUnreadable(address);
      if (isKnown || !isLeft(port, address)) continue;
      if (keyOf(port) !== null) await neutron.deletePort(port.id);
      else await unbound(neutron, port);
      environment.log.warn({ port: port.id, actor: address }, 'a port that was left is given back');
    }
  };

  const attempt = (
    about: string,
    at: string | null,
    isLeft: (port: NeutronPort, address: Address) => boolean,
  ): void => {
    const mine = {};
    newest.set(about, mine);
    const again = (pauseMs: number): void => {
      if (newest.get(about) !== mine) return;
      removeAll(at, isLeft).then(
        () => newest.get(about) === mine && newest.delete(about),
        (error: unknown) => {
          environment.log.warn({ err: error }, 'ports that were left could not be given back');
          environment.schedule(pauseMs, () => again(Math.min(pauseMs * 2, longestPauseMs)));
        },
      );
    };
    again(firstPauseMs);
  };

  const hasEnded = (address: Address): boolean => runtime().tombstones.has(address);

  return {
    giveBack: () => attempt('', null, (_, address) => hasEnded(address)),
    giveBackAt(hostId, resources) {
      const host = neutronHostOf(runtime(), hostId);
      const present = new Set(resources.filter(({ subject }) => subject === 'sandbox').map(({ id }) => id));
      attempt(
        hostId,
        host,
        (port, address) =>
          hasEnded(address) || (port.hostId === host && !present.has(parseAddress(address).id)),
      );
    },
  };
}
