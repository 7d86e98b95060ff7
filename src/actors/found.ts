/**
 * From what a host has and keeps to what an actor begins with, or is told. Pure.
 *
 * A host is believed only in what it was given to keep: that it is this
 * subject, of this generation, on this very host.
 */
import type { InventoryItem, Recalled } from '../link/protocol.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import type { VolumeContext } from '../machines/volume/context.ts';
import type { Address } from '../model/address.ts';
import type { CapsuleInput, FoundCapsule } from '../model/capsule-events.ts';
import type { ContainerInput, FoundContainer } from '../model/events.ts';
import type { FoundSandbox, NetworkInput, SandboxInput } from '../model/network-events.ts';
import type { VolumeInput } from '../model/volume-events.ts';
import type { Keepsake } from './keepsakes.ts';

/** The host that was found to have something. */
export interface Finder {
  readonly hostId: string;
  readonly hostname: string;
}

/** Why what its host keeps says nothing of it, in words; null when it does. */
export function mismatchOf(
  { address: of, context }: Keepsake,
  address: Address,
  hostId: string,
): string | null {
  const { hostId: on } = context as { readonly hostId: string | null };
  if (of !== address) return `what its host keeps is of "${of}"`;
  return on === hostId ? null : `what its host keeps was given to host "${on ?? ''}"`;
}

/** The same of a container as its engine has it. @param epoch ours */
export function containerMismatch(
  keepsake: Keepsake,
  address: Address,
  hostId: string,
  { observation, epoch: madeIn }: InventoryItem,
  epoch: number,
): string | null {
  const other = mismatchOf(keepsake, address, hostId);
  if (other !== null) return other;
  const { generation, wanted } = keepsake.context as ContainerContext;
  if (generation !== observation.generation)
    return `it is of generation ${observation.generation}, and its host keeps generation ${generation}`;
  if (keepsake.document === null) return 'its host keeps no spec of it';
  if (madeIn > epoch) return `it was made in epoch ${madeIn}, and ours is ${epoch}`;
  return observation.state === 'removing' && wanted !== 'deleted' ? 'its engine is removing it' : null;
}

/** A container as it is there. What its agent was last told to keep up is what was wanted of it. */
export function foundContainer(
  context: ContainerContext,
  { observation, sandboxId: joined }: InventoryItem,
  desired: Recalled['desired'],
  { hostId, hostname }: Finder,
): FoundContainer {
  const { networks, sandbox, sandboxesAsked, specVersion } = context;
  const { state, startedAt } = observation;
  const runs = state === 'running' || state === 'paused';
  const isToRun = desired?.running ?? context.wanted === 'running';
  const ended = startedAt === null ? 'created' : 'stopped';
  return {
    hostId,
    hostname,
    observation,
    // Before its first start succeeded there was nothing for the agent to keep up.
    wanted:
      context.wanted === 'deleted'
        ? 'deleted'
        : runs || isToRun || (startedAt === null && context.wanted === 'running')
          ? 'running'
          : ended,
    rebuilding: context.rebuilding,
    stopAsked: runs && desired !== null && !desired.running,
    run: Math.max(context.run, desired?.run ?? 0, startedAt === null ? 0 : 1),
    restarts: desired?.restarts ?? context.restarts,
    networks,
    sandbox,
    // The engine knows better which one it is in than who asked for it.
    sandboxId: joined === undefined ? context.sandboxId : joined,
    sandboxesAsked,
    specVersion,
  };
}

/** For a container whose actor was forgotten. @param found null for a member that its host does not have */
export function containerInputOf(context: ContainerContext, found: FoundContainer | null): ContainerInput {
  const { id, tenant, capsuleId, generation, amounts, restartPolicy, autoRemove, imagePullPolicy, sandbox } =
    context;
  const { networks, published, askedHostname, pool, mounts, terms, deadlines } = context;
  return {
    id,
    tenant,
    capsuleId,
    generation,
    run: (found ?? context).wanted === 'running',
    amounts,
    restartPolicy,
    autoRemove,
    imagePullPolicy,
    sandbox,
    networks,
    published,
    hostname: askedHostname,
    pool,
    mounts: mounts.map(({ volumeId, made, hot }) => ({ volumeId, made, ...(hot && { hot }) })),
    candidates: [],
    terms,
    deadlines,
    ...(found && { found }),
  };
}

/** A capsule by its sandbox there. */
export const foundCapsule = (
  { networks, sandboxId, sandboxesAsked }: CapsuleContext,
  { hostId, hostname }: Finder,
): FoundCapsule => ({ hostId, hostname, networks, sandboxId, sandboxesAsked });

/** For a capsule whose actor was forgotten. What its members are they tell by themselves. */
export function capsuleInputOf(context: CapsuleContext, found: FoundCapsule): CapsuleInput {
  const { id, tenant, amounts, terms, networks, published, promises, deadlines } = context;
  const members = context.members.map(({ containerId, name, isInit }) => ({ containerId, name, isInit }));
  return {
    id, tenant, amounts, terms, members, networks, published, ...(promises && { promises }), deadlines, found,
  }; // prettier-ignore
}

export const foundSandbox = ({ networks, ports, portsAsked }: SandboxContext): FoundSandbox => ({
  networks,
  ports,
  portsAsked,
});

/** @param claimedBy the container, or the capsule, that lives in it; null: it goes, since nobody knows whether one did */
export function sandboxInputOf(context: SandboxContext, claimedBy: string | null): SandboxInput {
  const { id, tenant, hostId, hostname, networks, published, isOfCapsule, deadlines } = context;
  // No pool made it for anyone to come: it is counted by none.
  return {
    id,
    tenant,
    hostId,
    hostname,
    networks,
    published,
    claimedBy,
    isOfCapsule,
    pool: null,
    deadlines,
    found: foundSandbox(context),
  };
}

export function networkInputOf({
  id,
  tenant,
  name,
  hostId,
  subnet,
  isDefault,
  idleMs,
  deadlines,
}: NetworkContext): NetworkInput {
  return { id, tenant, name, hostId, subnet, isDefault, idleMs, deadlines };
}

export function volumeInputOf({
  id,
  tenant,
  name,
  hostId,
  sizeGib,
  isEphemeral,
  cinder,
  deadlines,
}: VolumeContext): VolumeInput {
  return { id, tenant, name, hostId, sizeGib, isEphemeral, cinder, deadlines };
}
