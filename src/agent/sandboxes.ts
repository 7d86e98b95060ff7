/**
 * Sandboxes of this host: a namespace of the engine's, plugged by the network
 * driver, with the files that make names of addresses. Every method is an
 * ensure, as those of its drivers are.
 */
import type { OwnerIdentity } from '../drivers/runtime/operation-identity.ts';
import type { ContainerFiles, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { NetworkDriver, PlugSpec } from '../drivers/network/network-driver.ts';
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { InventoryResource, OperationArguments } from '../link/protocol.ts';
import type { NetworkEffectResults } from '../model/network-events.ts';
import type { NetworkDefinition, Port, PublishedPort } from '../model/network.ts';
import { addressAt, chooseSubnet, familyOf, parseSubnet, type SubnetPool } from '../model/subnet.ts';
import { hostPortsFor } from './host-ports.ts';
import { shortId, type NameFiles, type Plugged } from './name-files.ts';

export interface Sandboxes {
  make(
    identity: OwnerIdentity,
    sandboxId: string,
    args: Extract<OperationArguments, { kind: 'makeSandbox' }>,
    signal: AbortSignal,
  ): Promise<NetworkEffectResults['makeSandbox']>;
  unplug(identity: OwnerIdentity, sandboxId: string, portId: string, signal: AbortSignal): Promise<void>;
  remove(
    identity: OwnerIdentity,
    sandboxId: string,
    portIds: readonly string[],
    signal: AbortSignal,
  ): Promise<void>;
  /** @throws TroupeError SUBNET_IN_USE, HOST_INCAPABLE */
  ensureNetwork(
    identity: OwnerIdentity,
    networkId: string,
    subnet: string | null,
    signal: AbortSignal,
  ): Promise<NetworkDefinition>;
  removeNetwork(identity: OwnerIdentity, networkId: string, signal: AbortSignal): Promise<void>;
  /** What a container that joins it sees of names, its own among them. @throws TroupeError SANDBOX_GONE */
  named(sandboxId: string, containerId: string, names: readonly string[]): Promise<ContainerFiles>;
  /** Where this host reaches the container of a sandbox; null when it has none, or none of ours. */
  addressOf(containerId: string): Promise<string | null>;
  /** Makes the sandbox of a container again as it was; false when it has none. */
  mend(identity: OwnerIdentity, containerId: string, signal: AbortSignal): Promise<boolean>;
  /** Bridges that somebody removed and rules that somebody flushed come back, with all that is plugged there. */
  repair(worldId: string, signal: AbortSignal): Promise<void>;
  /** Removes what crashes left half made. To be called before anything else. */
  sweep(worldId: string, signal: AbortSignal): Promise<void>;
  list(signal: AbortSignal): Promise<readonly InventoryResource[]>;
}

/** Subnets that are tried when others take what we choose. */
const choicesMost = 8;

type Owner = Pick<OwnerIdentity, 'worldId' | 'tenant'>;

interface Place {
  readonly sandboxId: string;
  readonly netnsPath: string;
}

export interface SandboxesOptions {
  readonly driver: RuntimeDriver;
  readonly network: NetworkDriver;
  readonly files: NameFiles;
  readonly subnets: SubnetPool;
  /** Bytes; of every network that is made here. */
  readonly mtu: number;
}

export function createSandboxes({ driver, network, files, subnets, mtu }: SandboxesOptions): Sandboxes {
  /** Two networks that are made at once must not choose one subnet. */
  let choosing: Promise<unknown> = Promise.resolve();

  const ensureBridge = (
    { worldId, tenant }: Owner,
    definition: NetworkDefinition,
    signal: AbortSignal,
  ): Promise<void> => network.ensureNetwork({ worldId, tenant, ipv6: null, ...definition }, signal);

  const plug = async (
    identity: Owner,
    { sandboxId, netnsPath }: Place,
    port: Port,
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<void> => {
    const { network: definition } = port;
    const spec = plugSpec(identity.worldId, { sandboxId, netnsPath }, port, isFirst);
    if (spec.of === 'neutron') return network.plug(spec, signal);
    try {
      await network.plug(spec, signal);
    } catch (error) {
      // The machine was started anew, or somebody removed the bridge.
      if (toFailure(error).code !== 'NETWORK_NOT_FOUND') throw error;
      await ensureBridge(identity, definition, signal);
      await network.plug(spec, signal);
      await replug(identity.worldId, ({ network: { networkId } }) => networkId === spec.networkId, signal);
    }
  };

  /** Ports of sandboxes that live, plugged again where `isLost` says so. */
  const replug = async (
    worldId: string,
    isLost: (port: Port) => boolean,
    signal: AbortSignal,
  ): Promise<void> => {
    for (const { sandboxId, tenant, netnsPath, worldId: of } of await driver.listSandboxes(signal)) {
      const seen = of === worldId && netnsPath !== null ? await files.find(sandboxId) : null;
      // One that was started anew is made again by its actor.
      if (!seen || netnsPath === null || !(await isSame(seen, netnsPath))) continue;
      for (const [index, port] of seen.ports.entries()) {
        if (!isLost(port)) continue;
        if (!port.neutron) await ensureBridge({ worldId, tenant }, port.network, signal);
        await plug({ worldId, tenant }, { sandboxId, netnsPath }, port, index === 0, signal);
      }
    }
  };

  /** Whether its ports were plugged into this namespace. */
  const isSame = async ({ namespace }: Plugged, netnsPath: string): Promise<boolean> => {
    const is = await network.identify(netnsPath);
    return (namespace ?? is) === is;
  };

  /**
   * What names no port of the host gets one that is free: the one it had, its own number, or one of a range. Gives them
   * all, each with the host's port it has.
   */
  const publish = async (
    { worldId }: OwnerIdentity,
    { portId, address }: Port,
    asked: readonly PublishedPort[],
    before: readonly PublishedPort[],
    signal: AbortSignal,
  ): Promise<readonly PublishedPort[]> => {
    const spec = (ports: readonly PublishedPort[]) => ({
      worldId,
      portId,
      address,
      ports: ports.map((each) => ({ ...each, hostAddress: null })),
    });
    let held = asked.filter(({ hostPort }) => hostPort !== 0);
    if (held.length > 0) await network.publish(spec(held), signal);
    for (const each of asked.filter(({ hostPort }) => hostPort === 0)) {
      const isSame = (other: PublishedPort): boolean =>
        other.protocol === each.protocol && other.containerPort === each.containerPort;
      const had = before.find(isSame)?.hostPort;
      const own = held;
      held = await firstFree(hostPortsFor(portId, each.containerPort, had), async (hostPort) => {
        const all = [...own, { ...each, hostPort }];
        await network.publish(spec(all), signal);
        return all;
      });
    }
    return held;
  };

  const choose = async (
    identity: OwnerIdentity,
    networkId: string,
    asked: string | null,
    signal: AbortSignal,
  ): Promise<NetworkDefinition> => {
    for (let tries = 1; ; tries += 1) {
      const { subnetsInUse } = await network.probe(signal);
      const subnet = asked ?? chooseSubnet(subnets, [...subnetsInUse, ...(await files.subnets())]);
      if (subnet === null)
        throw new TroupeError(
          'SUBNET_IN_USE',
          `Every subnet of "${subnets.cidr}" is in use on this host; remove networks, or configure a larger pool`,
        );
      const definition = { networkId, subnet, gateway: addressAt(subnet, 1), mtu };
      try {
        await ensureBridge(identity, definition, signal);
      } catch (error) {
        // Somebody else on this machine took it since we looked.
        if (asked !== null || tries === choicesMost || toFailure(error).code !== 'SUBNET_IN_USE') throw error;
        continue;
      }
      await files.networkMade(networkId, subnet);
      return definition;
    }
  };

  const make = async (
    identity: OwnerIdentity,
    sandboxId: string,
    { tenant, hostname, ports, published }: Omit<Plugged, 'namespace'>,
    signal: AbortSignal,
  ): Promise<NetworkEffectResults['makeSandbox']> => {
    const sandbox = await driver.ensureSandbox(identity, { sandboxId, hostname }, signal);
    for (const [index, port] of ports.entries())
      await plug(identity, { sandboxId, netnsPath: sandbox.netnsPath }, port, index === 0, signal);
    const [first] = ports;
    const before = (await files.find(sandboxId))?.bound ?? [];
    const bound =
      first && published.length > 0 ? await publish(identity, first, published, before, signal) : [];
    const namespace = await network.identify(sandbox.netnsPath);
    await files.plugged(sandboxId, { tenant, hostname, ports, published, bound, namespace });
    return { engineId: sandbox.engineId, published: bound };
  };

  return {
    make: (identity, sandboxId, { hostname, ports, published }, signal) =>
      make(
        identity,
        sandboxId,
        { tenant: identity.tenant, hostname: hostname ?? shortId(sandboxId), ports, published },
        signal,
      ),
    async unplug({ worldId }, sandboxId, portId, signal) {
      // First that it should be gone: an inventory meanwhile must not miss it.
      await files.unplugged(sandboxId, portId);
      await network.unplug({ worldId, portId }, signal);
    },
    async remove(identity, sandboxId, portIds, signal) {
      // What it was plugged into when the last word of it was lost, too.
      const seen = await files.find(sandboxId);
      const all = new Set([...portIds, ...(seen?.ports ?? []).map(({ portId }) => portId)]);
      for (const portId of all) await network.unplug({ worldId: identity.worldId, portId }, signal);
      await driver.removeSandbox(identity, sandboxId, signal);
      await files.removed(sandboxId);
    },
    ensureNetwork(identity, networkId, subnet, signal) {
      const chosen = choosing.then(() => choose(identity, networkId, subnet, signal));
      choosing = chosen.catch(() => {});
      return chosen;
    },
    async removeNetwork({ worldId }, networkId, signal) {
      await network.removeNetwork({ worldId, networkId }, signal);
      await files.networkRemoved(networkId);
    },
    named: (sandboxId, containerId, names) => files.named(sandboxId, containerId, names),
    async addressOf(containerId) {
      const found = await files.ofContainer(containerId);
      return found?.seen.ports[0]?.address ?? null;
    },
    async mend(identity, containerId, signal) {
      const found = await files.ofContainer(containerId);
      if (!found) return false;
      await make({ ...identity, generation: 1 }, found.sandboxId, found.seen, signal);
      return true;
    },
    async repair(worldId, signal) {
      const [networks, ports] = await Promise.all([network.listNetworks(signal), network.listPorts(signal)]);
      const bridges = new Set(networks.filter(({ guarded }) => guarded).map(({ networkId }) => networkId));
      const links = new Set(ports.filter(({ guarded }) => guarded).map(({ portId }) => portId));
      const isLost = ({ portId, network: { networkId }, neutron }: Port): boolean =>
        !links.has(portId) || (!neutron && !bridges.has(networkId));
      await replug(worldId, isLost, signal);
    },
    async sweep(worldId, signal) {
      await network.sweep(worldId, signal);
    },
    async list(signal) {
      const [sandboxes, networks, ports] = await Promise.all([
        driver.listSandboxes(signal),
        network.listNetworks(signal),
        network.listPorts(signal),
      ]);
      const plugged = new Set(ports.map(({ portId }) => portId));
      // Started anew behind our back, its namespace is another, whether or not its container keeps the one before.
      const isSound = async (sandboxId: string, netnsPath: string): Promise<boolean> => {
        const seen = await files.find(sandboxId);
        return (
          !seen || ((await isSame(seen, netnsPath)) && seen.ports.every(({ portId }) => plugged.has(portId)))
        );
      };
      return [
        ...(await Promise.all(
          sandboxes.map(async ({ sandboxId, tenant, worldId, netnsPath }) => ({
            subject: 'sandbox' as const,
            id: sandboxId,
            tenant,
            worldId,
            alive: netnsPath !== null && (await isSound(sandboxId, netnsPath)),
          })),
        )),
        ...networks.flatMap(({ worldId, networkId, tenant }) =>
          worldId === null || networkId === null
            ? []
            : [{ subject: 'network' as const, id: networkId, tenant, worldId, alive: true }],
        ),
      ];
    },
  };
}

/** The first port has the default route. */
function plugSpec(
  worldId: string,
  { sandboxId, netnsPath }: Place,
  { portId, network: { networkId, subnet, gateway, mtu }, mac, address, interfaceName, neutron }: Port,
  isFirst: boolean,
): PlugSpec {
  const common = { worldId, portId, networkId, netnsPath, mac, mtu, interfaceName };
  if (!neutron)
    return {
      ...common,
      of: 'us',
      addresses: [`${address}/${parseSubnet(subnet).prefix}`],
      gateway: isFirst ? gateway : null,
      routes: [],
    };
  const gateways = isFirst ? neutron.gateways : [];
  const gateway6 = gateways.find((each) => familyOf(each) === 6);
  return {
    ...common,
    of: 'neutron',
    ...(neutron.ovs && { ovs: { ...neutron.ovs, instanceId: sandboxId } }),
    ...(neutron.outline && { outline: neutron.outline }),
    addresses: neutron.addresses.map((each) => `${each.address}/${each.prefix}`),
    gateway: gateways.find((each) => familyOf(each) === 4) ?? null,
    routes: [...neutron.routes, ...(gateway6 ? [{ destination: '::/0', via: gateway6 }] : [])],
  };
}

/** The first that `attempt` finds free. @throws TroupeError HOST_PORT_IN_USE when none is */
async function firstFree<T>(
  hostPorts: Iterable<number>,
  attempt: (hostPort: number) => Promise<T>,
): Promise<T> {
  let refusal: unknown = null;
  for (const hostPort of hostPorts) {
    try {
      return await attempt(hostPort);
    } catch (error) {
      if (toFailure(error).code !== 'HOST_PORT_IN_USE') throw error;
      refusal = error;
    }
  }
  throw refusal;
}
