/**
 * What a sandbox needs of Neutron: a port that is bound at its host, to know
 * when that is wired, and to give it back.
 *
 * N1. The MAC of a port that we make is made of its intent's key, and unique in
 *     its network: who asks again, whatever came of the first time, gets that port.
 * N2. A port of a user's is taken only while nobody has it, and given back only
 *     by the sandbox that its tag names.
 * N3. What one sandbox asks is asked one after the other, also where nobody waits
 *     for the first any more: what gives back finds all that was made.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { HostContext } from '../../machines/host/context.ts';
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import { hostAddress } from '../../model/address.ts';
import type { Environment } from '../../model/environment.ts';
import { macOfPort } from '../../model/mac-address.ts';
import type { NetworkEffectResults } from '../../model/network-events.ts';
import type { Port } from '../../model/network.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import type { Neutron, NeutronNetwork, NeutronPort, NeutronSubnet } from '../../model/neutron.ts';
import { prefixOf } from '../../model/subnet.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect, type EffectRun, type Effects } from './effect.ts';
import { ensureGroup, removeGroup } from './exposed-ports.ts';

export interface NeutronPortsOptions {
  readonly environment: Environment;
  /** Null where the site has no Neutron. */
  readonly neutron: Neutron | null;
  readonly runtime: () => Runtime;
  readonly worldId: () => string;
}

/** Where a Neutron of long ago names none. @see openstack/nova: [neutron] ovs_bridge */
const usualBridge = 'br-int';
/** As Kuryr's, which Neutron's agents and users know. */
const deviceOwner = 'compute:kuryr';
/** Between looks at ports that are not wired yet; an agent looks once a second as a rule. */
const lookMs = 250;

export const actorTag = (sandboxId: string): string => `troupe:actor=${sandboxId}`;
const actorTagPrefix = actorTag('');
/** The sandbox whose port it is, by its tag; empty when none says so. */
export const sandboxOf = ({ tags }: NeutronPort): string =>
  tags.find((tag) => tag.startsWith(actorTagPrefix))?.slice(actorTagPrefix.length) ?? '';

export const worldTag = (worldId: string): string => `troupe:world=${worldId}`;
/** Of a port that no container has yet. */
const readyTag = 'troupe:ready';
/** What a port is called that is ours from the first to the last. */
const nameOf = (key: string): string => `troupe-${key}`;
/** And that nobody has asked for yet. */
const readyNameOf = (key: string): string => `troupe-ready-${key}`;
const ownName = /^troupe-(?:ready-)?([0-9a-f-]{36})$/;

export function neutronPorts({ environment, neutron, runtime, worldId }: NeutronPortsOptions): Effects {
  const inTurn = oneAtATime();

  const cloud = (): Neutron => {
    if (neutron) return neutron;
    throw new TroupeError(
      'INVALID_CONFIG',
      'It has a port of Neutron, and this site has none; set "network.driver" to "neutron" again',
    );
  };

  /** @param work told whether its result is still wanted */
  const effect = <T>(
    work: (run: EffectRun, context: SandboxContext, isWanted: () => boolean) => Promise<T>,
  ): Effect =>
    promised((run, isWanted) =>
      inTurn(run.address, async () => work(run, run.context as SandboxContext, isWanted)),
    );

  const hostOf = (hostId: string): string => neutronHostOf(runtime(), hostId);

  const tagsOf = ({ id, portsAsked, claimedBy }: SandboxContext): readonly string[] => [
    worldTag(worldId()),
    actorTag(id),
    `troupe:generation=${portsAsked}`,
    ...(claimedBy === null ? [readyTag] : []),
  ];

  /** The same each time (N1). */
  const make = async (context: SandboxContext, hostId: string): Promise<NeutronPort> => {
    const { id, tenant, claimedBy, portIntent } = context;
    const { key, request } = portIntent!;
    const { networkId, fixedAddress, neutron: wish } = request;
    const mac = macOfPort(key);
    const name = claimedBy === null ? readyNameOf(key) : nameOf(key);
    const exposed = wish?.exposed;
    const made = await cloud().createPort({
      networkId,
      projectId: tenant,
      name,
      description: worldTag(worldId()),
      mac,
      deviceId: claimedBy ?? id,
      deviceOwner,
      hostId,
      fixedAddresses: [fixedAddress, wish?.fixedAddress6 ?? null].flatMap((each) => each ?? []),
      securityGroups: exposed
        ? [await ensureGroup(cloud(), context, exposed, worldTag(worldId()))]
        : (wish?.securityGroups ?? []),
    });
    const port = made ?? (await cloud().ports({ networkId, mac })).find((each) => keyOf(each) === key);
    if (!port)
      throw new TroupeError('NETWORK_ERROR', `Another port of network "${networkId}" has the MAC "${mac}"`);
    await cloud().setTags(port.id, tagsOf(context));
    return port;
  };

  /** (N2) */
  const take = async (context: SandboxContext, portId: string, hostId: string): Promise<NeutronPort> => {
    const { id, claimedBy } = context;
    const port = await cloud().port(portId);
    if (!port) throw new TroupeError('PORT_NOT_FOUND', `Port "${portId}" could not be found in Neutron`);
    const deviceId = claimedBy ?? id;
    const isOurs = port.deviceId === deviceId && port.tags.includes(actorTag(id));
    if (!isOurs && port.deviceId !== '')
      throw new TroupeError('PORT_IN_USE', `Port "${portId}" is in use by "${port.deviceId}"`, {
        // The sandbox that it had before gives it back in a moment.
        retryable: port.deviceId === deviceId,
      });
    // Tagged first: what has our tag and not us as its device is given back all the same.
    await cloud().addTags(portId, tagsOf(context));
    const { revision } = (await cloud().port(portId)) ?? port;
    return cloud().updatePort(portId, { deviceId, deviceOwner, hostId }, isOurs ? undefined : revision);
  };

  /** Neutron tries to bind a port again only for a host that is another. */
  const bind = async (port: NeutronPort, hostId: string): Promise<NeutronPort> => {
    if (!isUnbound(port)) return port;
    await cloud().updatePort(port.id, { hostId: '' });
    return cloud().updatePort(port.id, { hostId });
  };

  const ensure = async (context: SandboxContext): Promise<Port> => {
    const { request } = context.portIntent!;
    const hostId = hostOf(context.hostId);
    const wished = request.neutron?.portId ?? null;
    const asked = [
      wished === null ? make(context, hostId) : take(context, wished, hostId),
      cloud().networks({ id: request.networkId }),
      cloud().subnets(request.networkId),
    ] as const;
    // Whatever fails: what is still being made could be given back by nobody.
    await Promise.allSettled(asked);
    const [port, [network], subnets] = await Promise.all(asked);
    if (!network)
      throw new TroupeError('NETWORK_NOT_FOUND', `Network "${request.networkId}" is not in Neutron any more`);
    const bound = await bind(port, hostId);
    refuseUnbound(bound, hostId);
    return toPort(bound, network, subnets, wished !== null);
  };

  const isReady = async (ports: readonly Port[]): Promise<boolean> => {
    const ids = ports.filter((port) => port.neutron).map(({ portId }) => portId);
    const found = await cloud().ports({ id: ids });
    const lost = ids.find((each) => !found.some(({ id }) => id === each));
    if (lost !== undefined)
      throw new TroupeError('PORT_NOT_FOUND', `Somebody has deleted the port "${lost}" in Neutron`);
    return found.every(({ status }) => status === 'ACTIVE');
  };

  const pause = (): Promise<void> =>
    new Promise((resolve) => void environment.schedule(lookMs, () => resolve()));

  const giveBack = async (context: SandboxContext, portId: string): Promise<void> => {
    const port = await cloud().port(portId);
    if (!port?.tags.includes(actorTag(context.id))) return;
    if (port.deviceId === (context.claimedBy ?? context.id)) await unbound(cloud(), port);
    // Somebody else has it by now, or nobody.
    else await cloud().removeTags(portId, port.deviceId === '' ? ownTags(port) : [actorTag(context.id)]);
  };

  /** All that may be there of it, known or not. */
  const returnAll = async (context: SandboxContext, ports: readonly Port[]): Promise<void> => {
    for (const { portId, neutron: bound } of ports) {
      if (!bound) continue;
      if (bound.isUsers) await unlessGone(giveBack(context, portId));
      else await cloud().deletePort(portId);
    }
    if (!context.portIntent) return;
    const { key, request } = context.portIntent;
    const wished = request.neutron?.portId ?? null;
    if (wished !== null) return unlessGone(giveBack(context, wished));
    const made = await cloud().ports({ networkId: request.networkId, mac: macOfPort(key) });
    for (const port of made) if (keyOf(port) === key) await cloud().deletePort(port.id);
  };

  /** A network that it has left is not among its own any more, and may have been the one. */
  const removeOwnGroup = async (context: SandboxContext): Promise<void> => {
    const { networks, leaving, portIntent } = context;
    const requests = [...networks, ...(portIntent ? [portIntent.request] : [])];
    if (leaving || requests.some((each) => each.neutron?.exposed))
      await removeGroup(cloud(), context, worldTag(worldId()));
  };

  /** Made ahead, and a container's since. */
  const mark = async ({ id, claimedBy, ports }: SandboxContext): Promise<void> => {
    for (const { portId, neutron: bound } of ports) {
      if (!bound || bound.isUsers) continue;
      const port = await cloud().port(portId);
      if (!port)
        throw new TroupeError('PORT_NOT_FOUND', `Somebody has deleted the port "${portId}" in Neutron`);
      const key = keyOf(port);
      await cloud().updatePort(portId, {
        // What its users have called it meanwhile it stays.
        ...(key !== null && { name: nameOf(key) }),
        deviceId: claimedBy ?? id,
        deviceOwner,
      });
      await cloud().removeTags(portId, [readyTag]);
    }
  };

  const regroup = async ({ ports, regroup: change }: SandboxContext) => {
    const changed: Record<string, readonly string[]> = {};
    for (const { portId } of ports.filter((port) => port.neutron)) {
      const port = await cloud().port(portId);
      if (!port)
        throw new TroupeError('PORT_NOT_FOUND', `Somebody has deleted the port "${portId}" in Neutron`);
      const others = port.securityGroups.filter((each) => each !== change?.groupId);
      const securityGroups = change?.isAdded ? [...others, change.groupId] : others;
      changed[portId] = (await cloud().updatePort(portId, { securityGroups })).securityGroups;
    }
    return changed;
  };

  return {
    regroupPorts: effect<NetworkEffectResults['regroupPorts']>((_, context) => regroup(context)),
    ensurePort: effect<NetworkEffectResults['ensurePort']>((_, context) => ensure(context)),
    awaitPorts: effect<NetworkEffectResults['awaitPorts']>(async (_, { ports }, isWanted) => {
      while (isWanted() && !(await isReady(ports))) await pause();
      return null;
    }),
    markPorts: effect<NetworkEffectResults['markPorts']>(async (_, context) => {
      await mark(context);
      return null;
    }),
    returnPorts: effect<NetworkEffectResults['returnPorts']>(async ({ operation }, context) => {
      const { all } = operation.input as { readonly all: boolean };
      const { ports, leaving } = context;
      await returnAll(context, [...(all ? ports : []), ...(leaving ? [leaving] : [])]);
      if (all || ports.every(({ neutron: bound }) => !bound)) await removeOwnGroup(context);
      return null;
    }),
  };
}

/** Of the intent that made it, by its name and the MAC that follows from it; null for a port of its users'. */
export function keyOf({ name, mac }: NeutronPort): string | null {
  const [, key] = ownName.exec(name) ?? [];
  return key !== undefined && macOfPort(key) === mac ? key : null;
}

/** What Neutron calls a host of ours. */
export function neutronHostOf(runtime: Runtime, hostId: string): string {
  const context = runtime.cell(hostAddress(hostId))?.committed?.record.context as HostContext | undefined;
  return context?.fingerprint?.networks?.neutronHost ?? context?.hostname ?? hostId;
}

/** Ours, of whichever sandbox and time. */
const ownTags = ({ tags }: NeutronPort): readonly string[] => tags.filter((tag) => tag.startsWith('troupe:'));

/** As it was before a container had it. */
export async function unbound(neutron: Neutron, port: NeutronPort): Promise<void> {
  await neutron.updatePort(port.id, { deviceId: '', deviceOwner: '', hostId: '' });
  await neutron.removeTags(port.id, ownTags(port));
}

async function unlessGone(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof TroupeError) || error.code !== 'PORT_NOT_FOUND') throw error;
  }
}

const isUnbound = ({ vifType }: NeutronPort): boolean =>
  vifType === 'binding_failed' || vifType === 'unbound' || vifType === '';

/** @throws TroupeError PORT_UNBOUND, HOST_INCAPABLE */
function refuseUnbound(port: NeutronPort, hostId: string): void {
  const { id, vifType, vif } = port;
  if (vifType === 'bridge' || (vifType === 'ovs' && !vif.isHybrid)) return;
  if (isUnbound(port))
    throw new TroupeError(
      'PORT_UNBOUND',
      `Neutron can't bind the port "${id}" on "${hostId}" (binding_failed): its agent there does not live, or there is none of this name`,
    );
  throw new TroupeError(
    'HOST_INCAPABLE',
    vif.isHybrid
      ? `Neutron wants the port "${id}" on "${hostId}" plugged by way of a Linux bridge (ovs_hybrid_plug), which Troupe does not; set "firewall_driver" of its agent there to "openvswitch"`
      : `Neutron binds the port "${id}" on "${hostId}" as "${vifType}"; Troupe plugs "bridge" and "ovs" only`,
  );
}

/** @throws TroupeError ADDRESSES_EXHAUSTED for a network that has no subnet */
function toPort(
  port: NeutronPort,
  network: NeutronNetwork,
  subnets: readonly NeutronSubnet[],
  isUsers: boolean,
): Port {
  const addresses = port.fixedIps.flatMap(({ subnetId, address }) => {
    const subnet = subnets.find(({ id }) => id === subnetId);
    return subnet ? [{ address, prefix: prefixOf(subnet.cidr), version: subnet.version, subnetId }] : [];
  });
  // Names and published ports are of the first, which is IPv4 where there is one.
  const [first] = addresses.sort((a, b) => a.version - b.version);
  if (!first)
    throw new TroupeError(
      'ADDRESSES_EXHAUSTED',
      `The port "${port.id}" has no address: network "${network.name}" has no subnet; give it one`,
    );
  const own = subnets.filter(({ id }) => addresses.some(({ subnetId }) => subnetId === id));
  const gateways = ([4, 6] as const).flatMap(
    (family) => own.find(({ version, gateway }) => version === family && gateway !== null)?.gateway ?? [],
  );
  return {
    portId: port.id,
    network: {
      networkId: network.id,
      subnet: own.find(({ id }) => id === first.subnetId)!.cidr,
      gateway: gateways[0] ?? '',
      mtu: network.mtu,
    },
    mac: port.mac,
    address: first.address,
    interfaceName: '',
    neutron: {
      addresses,
      gateways,
      routes: own.flatMap(({ routes }) => routes),
      nameservers: [...new Set(own.flatMap(({ nameservers }) => nameservers))],
      securityGroups: port.securityGroups,
      isUsers,
      outline: {
        isShared: network.isShared,
        subnets: own.map(({ id, cidr, gateway }) => ({ subnetId: id, cidr, gateway })),
      },
      ...(port.vifType === 'ovs' && {
        ovs: { bridge: port.vif.bridge ?? usualBridge, isUserspace: port.vif.isUserspace },
      }),
    },
  };
}
