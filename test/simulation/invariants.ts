/**
 * What must hold once faults have ended.
 *
 * I1. Nothing accepted is lost: every container that was accepted lives, or a
 *     delete of it was accepted. What a store lost together with its owner is
 *     lost only where no host has anything of it.
 * I2. Never two live instances of one container (watched at each start).
 * I3. All settles: no actor is in a transient state, engines and actors agree,
 *     the ledger is empty, memory equals store.
 * I4. Each address of a network is held by one sandbox, and plugged there; a
 *     namespace that one container had is never another's (watched at each
 *     join); what nobody holds is not on a host. The same of ports of Neutron,
 *     which has no other of ours.
 * V1. A volume of Cinder is mounted to be written to at one host, unless it is
 *     made to be shared (watched at each mount).
 * V2. Cinder has one attachment for each volume of a container, connected for
 *     its host, and no other; nothing of Cinder's is under way.
 * V3. A host has connected and mounted what is attached there, and nothing else.
 * V4. A container that runs has its volumes in it, and no other.
 * V5. What was made for a container goes with it; what its user has stays.
 * I5. A member has its capsule and a capsule its members, whose states it
 *     knows; those that run do so in one namespace.
 */
import { memberId } from '../../src/actors/create-capsule.ts';
import { sealText } from '../../src/actors/stores/record.ts';
import type { Cell } from '../../src/actors/cell.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { NetworkContext } from '../../src/machines/network/context.ts';
import type { CapsuleContext } from '../../src/machines/capsule/context.ts';
import { holderOf, type SandboxContext } from '../../src/machines/sandbox/context.ts';
import {
  actorKinds,
  capsuleAddress,
  containerAddress,
  parseAddress,
  shardOf,
} from '../../src/model/address.ts';
import type { AuditEntry } from '../../src/model/audit-entry.ts';
import { volumesOf } from './volume-invariants.ts';
import type { SimulatedWorld } from './world.ts';

/** The simulated capsule's, by index. */
const membersAt = [0, 1, 2];

/** For the hosts to answer, or to be given up. */
const auditMs = 6_000;

export async function checkInvariants(world: SimulatedWorld): Promise<readonly string[]> {
  const { kernel, disk, engines, accepted, controlPlane, lostAt: lost } = world;
  const wrong = [...world.violations];
  if (!controlPlane) return [...wrong, 'I3: the control plane is not up'];
  const { runtime } = controlPlane;

  for (const { address, at, deleted, deletedAt, uncertain } of [
    ...accepted.values(),
    ...world.capsules.values(),
  ]) {
    const ended = runtime.tombstones.has(address);
    const lostAt = lost.get(shardOf(address)) ?? Number.NEGATIVE_INFINITY;
    const { id } = parseAddress(address);
    const own = parseAddress(address).kind === 'capsule' ? membersAt.map((each) => memberId(id, each)) : [id];
    const isThere = engines.some(({ containers }) => own.some((each) => containers.has(each)));
    if (!ended && !runtime.cell(address) && (at > lostAt || isThere))
      wrong.push(`I1: ${address} was accepted and is nowhere`);
    // Of a capsule whose members the store forgot before any host had them nothing can come: it takes itself back.
    const isUndone = parseAddress(address).kind === 'capsule' && at <= lostAt;
    if (ended && !deleted && !uncertain && !isUndone)
      wrong.push(`I1: ${address} has ended, and nobody was told that it would`);
    if (deleted && !ended && runtime.cell(address) && deletedAt > lostAt)
      wrong.push(`I1: ${address} is still there, though its delete was accepted`);
  }

  for (const kind of actorKinds) {
    for (const cell of runtime.cellsOf(kind).values()) {
      const state = cell.committed;
      if (cell.quarantined) wrong.push(`I3: ${cell.address} is quarantined: ${cell.quarantined.reason}`);
      if (!state) continue;
      // A network that nobody uses waits for its bridge to go, a pool counts its use.
      if (state.snapshot.hasTag('transient' as never))
        wrong.push(
          `I3: ${cell.address} does not settle: ${state.paths.join()} (${state.projection.reason ?? ''})`,
        );
      if (sealText(JSON.stringify(state.record)) !== disk.record(cell.address))
        wrong.push(`I3: ${cell.address}: memory is not what is stored`);
    }
  }

  for (const engine of engines) {
    const host = controlPlane.hosts().find(({ hostname }) => hostname === engine.host);
    if (!host?.online) wrong.push(`I3: ${engine.host} is not online`);
    for (const [containerId, container] of engine.containers) {
      const cell = [...runtime.cellsOf('container').values()].find(
        ({ address }) => parseAddress(address).id === containerId,
      );
      const context = cell?.committed?.record.context as ContainerContext | undefined;
      if (!cell || !context) wrong.push(`I3: ${containerId} is on ${engine.host} and of no actor`);
      else if (context.hostId !== host?.id)
        wrong.push(`I3: ${cell.address} is on ${engine.host}, its actor is placed elsewhere`);
      else if ((container.state === 'running') !== (cell.committed!.projection.status === 'Running')) {
        wrong.push(
          `I3: ${cell.address} is ${container.state} on its host and ${cell.committed!.projection.status} to us (${cell.committed!.paths.join()})`,
        );
      }
    }
  }
  for (const cell of runtime.cellsOf('container').values()) {
    const state = cell.committed;
    const { hostname, containerHeld, id } = state!.record.context as ContainerContext;
    const there = engines.find(({ host }) => host === hostname)?.containers.has(id) ?? false;
    if (state!.projection.status === 'Running' && !there)
      wrong.push(`I3: ${cell.address} is Running and not on ${hostname}`);
    if (containerHeld && !there)
      wrong.push(`I3: ${cell.address} believes to be on ${hostname} (${state!.paths.join()})`);
  }
  wrong.push(...addressesOf(world, runtime), ...membersOf(world, runtime), ...volumesOf(world, runtime));
  const audits: (readonly AuditEntry[])[] = [];
  void controlPlane.audit().then((found) => audits.push(found));
  await kernel.run(kernel.now + auditMs);
  const [entries] = audits;
  if (!entries) return [...wrong, 'I3: the audit does not end'];
  for (const { problem, address, detail } of entries)
    if (!isToldOf(world, problem, address, detail)) wrong.push(`I3: audit: ${problem} ${address}: ${detail}`);
  return wrong;
}

/**
 * A sandbox that a dead agent's call made once more after its removal, whose tombstone was lost: its entry says so. And a
 * port that was made and not yet tagged when the store forgot who had asked for it.
 */
function isToldOf(
  { engines, lostAt }: SimulatedWorld,
  problem: string,
  address: string | null,
  detail: string,
): boolean {
  if (problem === 'port-without-actor' && address === null) return lostAt.size > 0;
  // The store forgot that it was promised, or taken, before any host had it.
  if (problem === 'volume-without-actor' || problem === 'attachment-without-actor') return lostAt.size > 0;
  const parts = address === null ? null : parseAddress(address);
  if (parts?.kind !== 'sandbox' || lostAt.size === 0 || !detail.includes('its host keeps nothing of it'))
    return false;
  return !engines.some(({ containers }) =>
    [...containers.values()].some(({ sandboxId }) => sandboxId === parts.id),
  );
}

/** Of Neutron. */
const portsOf = ({ committed }: Cell): readonly string[] =>
  (committed!.record.context as SandboxContext).ports
    .filter(({ neutron }) => neutron)
    .map(({ portId }) => portId);

function addressesOf({ engines, neutron, lostAt }: SimulatedWorld, runtime: Runtime): readonly string[] {
  const wrong: string[] = [];
  const held = new Map<string, string>();
  const counted = new Map<string, number>();
  for (const { address, committed } of runtime.cellsOf('sandbox').values()) {
    const sandbox = committed!.record.context as SandboxContext;
    const { ports, claimedBy, hostId, id } = sandbox;
    const status = committed!.projection.status;
    for (const { portId, network, address: given } of ports) {
      const key = `${network.networkId} ${given}`;
      if (held.has(key)) wrong.push(`I4: ${key} is held by ${held.get(key)} and ${address}`);
      held.set(key, address);
      counted.set(network.networkId, (counted.get(network.networkId) ?? 0) + 1);
      const plugged = engines.find(({ ports: there }) => there.has(portId))?.ports.get(portId);
      const namespace = engines.find(({ sandboxes }) => sandboxes.has(id))?.sandboxes.get(id)?.namespace;
      if ((status === 'claimed' || status === 'ready') && (!plugged || plugged.namespace !== namespace))
        wrong.push(`I4: port ${portId} of ${address} is not plugged into it`);
    }
    for (const { portId } of status === 'claimed' && lostAt.size === 0 ? ports : [])
      if (neutron.ports.has(portId) && neutron.ports.get(portId)!.deviceId !== claimedBy)
        wrong.push(`I4: Neutron does not know that port ${portId} is of ${claimedBy}`);
    if (claimedBy !== null && !runtime.cell(holderOf(sandbox, claimedBy)))
      wrong.push(`I4: ${address} on ${hostId} is kept for a container that has gone (${status})`);
  }
  const holders = new Set([...runtime.cellsOf('sandbox').values()].flatMap(portsOf));
  for (const { id, name, tags } of neutron.ports.values())
    // Whose it was nothing says: the ledger tells of it.
    if (!holders.has(id) && (lostAt.size === 0 || tags.length > 0))
      wrong.push(`I4: Neutron has port ${id} (${name}), which nobody holds`);
  // One whose namespace died says so when it is used again, should the store have forgotten that its port was given back.
  const inUse = [...runtime.cellsOf('sandbox').values()].filter(
    ({ committed }) => lostAt.size === 0 || committed?.projection.status !== 'broken',
  );
  for (const id of inUse.flatMap(portsOf))
    if (!neutron.ports.has(id)) wrong.push(`I4: Neutron has no port ${id}, which somebody holds`);
  for (const { address, committed } of runtime.cellsOf('network').values()) {
    const { id, ports } = committed!.record.context as NetworkContext;
    if (ports !== (counted.get(id) ?? 0))
      wrong.push(`I4: ${address} counts ${ports} addresses, sandboxes hold ${counted.get(id) ?? 0}`);
  }
  return wrong;
}

/** What a member's state means to its capsule; one that is waited for is not settled. */
const known: Readonly<Record<string, readonly string[]>> = {
  Created: ['created'],
  Running: ['running'],
  Stopped: ['ended'],
  Error: ['failed'],
  Creating: ['waiting'],
};

function membersOf({ engines }: SimulatedWorld, runtime: Runtime): readonly string[] {
  const wrong: string[] = [];
  for (const { address, committed } of runtime.cellsOf('container').values()) {
    const { tenant, capsuleId } = committed!.record.context as ContainerContext;
    if (capsuleId !== null && !runtime.cell(capsuleAddress(tenant, capsuleId)))
      wrong.push(`I5: ${address} has no capsule`);
  }
  for (const { address, committed } of runtime.cellsOf('capsule').values()) {
    const { tenant, members, sandboxSound } = committed!.record.context as CapsuleContext;
    const namespaces = new Set<number | null>();
    for (const { containerId, is, isCalled } of members) {
      const member = runtime.cell(containerAddress(tenant, containerId))?.committed;
      if (!member) {
        wrong.push(`I5: ${address} has lost its member ${containerId}`);
        continue;
      }
      const { status } = member.projection;
      if (!known[status]?.includes(is))
        wrong.push(`I5: ${address} knows ${containerId} as ${is}, it is ${status}`);
      if (isCalled && is === 'waiting') wrong.push(`I5: ${address} has called ${containerId}, which waits`);
      const there = engines.flatMap(({ containers }) => containers.get(containerId) ?? []);
      for (const { state, namespace } of there) if (state === 'running') namespaces.add(namespace);
    }
    if (sandboxSound && namespaces.size > 1)
      wrong.push(`I5: members of ${address} run in ${namespaces.size} namespaces`);
  }
  return wrong;
}
