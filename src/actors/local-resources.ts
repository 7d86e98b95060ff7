/** Networks and volumes that users make by name: found, made, deleted. What containers ask for by themselves the charts make. */
import { TroupeError } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import type { PoolContext } from '../machines/pool/context.ts';
import { holderOf, type SandboxContext } from '../machines/sandbox/context.ts';
import type { VolumeContext } from '../machines/volume/context.ts';
import {
  networkAddress,
  parseAddress,
  volumeAddress,
  type Address,
  type OwnedKind,
} from '../model/address.ts';
import type { Caller, CommandAnswer } from '../model/caller.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines } from '../model/events.ts';
import type { HostDetail } from '../model/host.ts';
import type { Cause } from '../model/journal.ts';
import type { NetworkInput } from '../model/network-events.ts';
import type { NetworkView } from '../model/network-view.ts';
import type { VolumeInput } from '../model/volume-events.ts';
import type { VolumeView } from '../model/volume-view.ts';
import { causeOf } from './cause-of.ts';
import type { Cell } from './cell.ts';
import type { HostDirectory } from './host-directory.ts';
import { canonicalUuid } from './read-model.ts';
import type { Runtime } from './runtime.ts';
import type { TurnEvent } from './turn.ts';

/** `tenant` null = all of them. */
export interface LocalResources {
  networks(tenant: string | null): readonly NetworkView[];
  volumes(tenant: string | null): readonly VolumeView[];
  /** @throws TroupeError NETWORK_NOT_FOUND, NAME_AMBIGUOUS */
  network(tenant: string | null, idOrName: string): NetworkView;
  /** @throws TroupeError VOLUME_NOT_FOUND, NAME_AMBIGUOUS */
  volume(tenant: string | null, idOrName: string): VolumeView;
  /** @throws TroupeError NAME_IN_USE, NO_HOST, HOST_NOT_FOUND */
  createNetwork(
    tenant: string,
    asked: { readonly name: string; readonly subnet: string | null; readonly host: string | null },
    caller: Caller,
  ): Promise<NetworkView>;
  /** @throws TroupeError NAME_IN_USE, NO_HOST, HOST_NOT_FOUND */
  createVolume(
    tenant: string,
    asked: { readonly name: string; readonly sizeGib: number | null; readonly host: string | null },
    caller: Caller,
  ): Promise<VolumeView>;
  deleteVolume(volume: VolumeView, caller: Caller): Promise<CommandAnswer>;
  /** What waits on it for containers gives way first. */
  deleteNetwork(network: NetworkView, caller: Caller): Promise<CommandAnswer>;
  /** Lets go what is made ahead. @param networkId null = all pools @returns how many pools */
  flush(tenant: string | null, networkId: string | null, caller: Caller): Promise<number>;
  /** Lets go all that is made ahead on a host. @returns how many were still there in the end */
  letGoAhead(hostId: string, withinMs: number): Promise<number>;
  /** The container that has the address; null when none does. */
  holderOf(tenant: string, networkId: string, address: string): string | null;
}

export interface LocalResourcesOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly hosts: HostDirectory;
  readonly deadlines: ContainerDeadlines;
  readonly ask: (address: Address, event: TurnEvent, cause: Cause) => Promise<CommandAnswer>;
}

/** Between looks at a network whose sandboxes are going. */
const lookMs = 100;
/** For them to go. */
const flushMs = 10_000;

export function createLocalResources(options: LocalResourcesOptions): LocalResources {
  const { environment, runtime, hosts, deadlines, ask } = options;
  /** Names being taken, by kind and project: two requests at once must not both get one. */
  const taking = new Set<string>();

  const hostnameOf = (hostId: string): string | null =>
    hosts.list().find(({ id }) => id === hostId)?.hostname ?? null;

  const cellsOf = (kind: OwnedKind, tenant: string | null): readonly Cell[] =>
    [...runtime().cellsOf(kind).values()].filter(
      ({ address, committed }) =>
        committed &&
        committed.record.endedAt === null &&
        (tenant === null || parseAddress(address).tenant === tenant),
    );

  const networkView = ({ address, committed }: Cell): NetworkView => {
    const { id, tenant, name, hostId, subnet, isDefault, definition, ports } = committed!.record
      .context as NetworkContext;
    const { status, reason } = committed!.projection;
    return {
      address, id, tenant, name, hostId, hostname: hostnameOf(hostId), subnet: definition?.subnet ?? subnet,
      gateway: definition?.gateway ?? null, mtu: definition?.mtu ?? null, isDefault, ports, status, reason,
      createdAt: committed!.record.createdAt,
    }; // prettier-ignore
  };

  const volumeView = ({ address, committed }: Cell): VolumeView => {
    const { id, tenant, name, hostId, sizeGib, isEphemeral, attached } = committed!.record
      .context as VolumeContext;
    const { status, reason } = committed!.projection;
    return {
      address, id, tenant, name, hostId, hostname: hostnameOf(hostId), sizeGib, isEphemeral, attached, status, reason,
      createdAt: committed!.record.createdAt,
    }; // prettier-ignore
  };

  const inOrder = <T extends { readonly createdAt: number; readonly id: string }>(views: readonly T[]) =>
    views.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));

  const networks = (tenant: string | null) => inOrder(cellsOf('network', tenant).map(networkView));
  const volumes = (tenant: string | null) => inOrder(cellsOf('volume', tenant).map(volumeView));

  /** By UUID, else by name. */
  const one = <T extends { readonly id: string; readonly name: string | null }>(
    all: readonly T[],
    what: string,
    code: 'NETWORK_NOT_FOUND' | 'VOLUME_NOT_FOUND',
    idOrName: string,
  ): T => {
    const uuid = canonicalUuid(idOrName);
    const found = all.find(({ id }) => id === uuid);
    if (found) return found;
    const [first, ...others] = all.filter(({ name }) => name === idOrName);
    if (others.length > 0)
      throw new TroupeError('NAME_AMBIGUOUS', `Several ${what}s are called "${idOrName}"; use the uuid`);
    if (first) return first;
    throw new TroupeError(code, `The ${what} "${idOrName}" could not be found`);
  };

  const place = (asked: string | null, needsNetworks: boolean): string => {
    const all = hosts.list();
    const isFit = ({ online, admission, engineUp, networks: { able } }: HostDetail): boolean =>
      online && admission === 'open' && engineUp && (able || !needsNetworks);
    if (asked !== null) {
      const host = all.find(({ id, hostname }) => id === asked || hostname === asked);
      if (!host) throw new TroupeError('HOST_NOT_FOUND', `Compute host ${asked} could not be found.`);
      if (needsNetworks && !host.networks.able)
        throw new TroupeError(
          'NO_HOST',
          `Host "${host.hostname}" makes no networks: ${host.networks.problem ?? 'it is not able to'}`,
        );
      return host.id;
    }
    const [best] = all
      .filter(isFit)
      .toSorted((a, b) => a.used.containers - b.used.containers || (a.id < b.id ? -1 : 1));
    if (best) return best.id;
    const problems = all.map(({ hostname, networks: { able, problem }, online }) =>
      online
        ? `"${hostname}" ${able ? 'takes nothing new' : (problem ?? 'makes no networks')}`
        : `"${hostname}" is not online`,
    );
    throw new TroupeError('NO_HOST', `No host can hold it now: ${problems.join('; ') || 'none has joined'}`);
  };

  const begin = async (
    kind: 'network' | 'volume',
    tenant: string,
    name: string,
    isTaken: boolean,
    address: Address,
    input: NetworkInput | VolumeInput,
    cause: Cause,
  ): Promise<Cell> => {
    const key = `${kind}/${tenant}/${name}`;
    if (isTaken || taking.has(key))
      throw new TroupeError('NAME_IN_USE', `A ${kind} of the name "${name}" exists already; choose another`);
    taking.add(key);
    try {
      await runtime().begin(address, input, cause, null);
      return runtime().cell(address)!;
    } finally {
      taking.delete(key);
    }
  };

  /** Sandboxes on the network that wait for containers, or whose container has gone: they give way. */
  const givingWayOn = (networkId: string): readonly Cell[] =>
    cellsOf('sandbox', null).filter(({ committed }) => {
      const context = committed!.record.context as SandboxContext;
      const { claimedBy, networks: on } = context;
      const isWanted = claimedBy !== null && runtime().cell(holderOf(context, claimedBy)) !== undefined;
      return !isWanted && on.some((each) => each.networkId === networkId);
    });

  const flush = async (tenant: string | null, networkId: string | null, caller: Caller): Promise<number> => {
    const pools = cellsOf('pool', tenant).filter(({ committed }) => {
      const { networks: on, ready, making } = committed!.record.context as PoolContext;
      return ready + making > 0 && (networkId === null || on.some((each) => each.networkId === networkId));
    });
    await Promise.all(pools.map(({ address }) => ask(address, { type: 'pool.flush' }, causeOf(caller))));
    return pools.length;
  };

  /** On this host, being made or gone not at all yet. */
  const aheadOn = (hostId: string): readonly Cell[] =>
    cellsOf('sandbox', null).filter(({ committed }) => {
      const { hostId: on, claimedBy } = committed!.record.context as SandboxContext;
      return on === hostId && claimedBy === null;
    });

  return {
    networks,
    volumes,
    async letGoAhead(hostId, withinMs) {
      const end = environment.monotonic() + withinMs;
      const cause: Cause = { kind: 'runtime', reason: 'its host is being stopped' };
      while (aheadOn(hostId).length > 0 && environment.monotonic() < end) {
        const pools = cellsOf('pool', null).filter(({ committed }) => {
          const { hostId: on, target, ready } = committed!.record.context as PoolContext;
          return on === hostId && target + ready > 0;
        });
        await Promise.all(pools.map(({ address }) => ask(address, { type: 'pool.flush' }, cause)));
        await new Promise<void>((resolve) => environment.schedule(lookMs, resolve));
      }
      return aheadOn(hostId).length;
    },
    network: (tenant, idOrName) => one(networks(tenant), 'network', 'NETWORK_NOT_FOUND', idOrName),
    volume: (tenant, idOrName) => one(volumes(tenant), 'volume', 'VOLUME_NOT_FOUND', idOrName),
    async createNetwork(tenant, { name, subnet, host }, caller) {
      const id = environment.id();
      const { sandboxMs: makeMs, removeMs, networkIdleMs: idleMs } = deadlines;
      const input: NetworkInput = {
        id, tenant, name, hostId: place(host, true), subnet, isDefault: false, idleMs,
        deadlines: { allocateMs: makeMs, makeMs, removeMs, idleMs },
      }; // prettier-ignore
      const isTaken = networks(tenant).some((each) => each.name === name);
      return networkView(
        await begin('network', tenant, name, isTaken, networkAddress(tenant, id), input, causeOf(caller)),
      );
    },
    async createVolume(tenant, { name, sizeGib, host }, caller) {
      const id = environment.id();
      const { sandboxMs: makeMs, removeMs } = deadlines;
      const input: VolumeInput = {
        id, tenant, name, hostId: place(host, false), sizeGib, isEphemeral: false, cinder: null,
        deadlines: { makeMs, removeMs },
      }; // prettier-ignore
      const isTaken = volumes(tenant).some((each) => each.name === name);
      return volumeView(
        await begin('volume', tenant, name, isTaken, volumeAddress(tenant, id), input, causeOf(caller)),
      );
    },
    deleteVolume: ({ address }, caller) => ask(address, { type: 'volume.delete' }, causeOf(caller)),
    async deleteNetwork({ address, id, tenant }, caller) {
      const end = environment.monotonic() + flushMs;
      await flush(tenant, id, caller);
      for (;;) {
        const answer = await ask(address, { type: 'network.delete' }, causeOf(caller));
        if (answer.answer !== 'refused' || givingWayOn(id).length === 0 || environment.monotonic() > end)
          return answer;
        await new Promise<void>((resolve) => environment.schedule(lookMs, resolve));
      }
    },
    flush,
    holderOf(tenant, networkId, address) {
      for (const cell of cellsOf('container', tenant)) {
        const { id, ports } = cell.committed!.record.context as ContainerContext;
        if (ports.some((port) => port.network.networkId === networkId && port.address === address)) return id;
      }
      return null;
    },
  };
}
