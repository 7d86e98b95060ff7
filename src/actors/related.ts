/** The other actors that one is bound to, read from what it knows of them. */
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { ImageContext } from '../machines/image/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import type { PoolContext } from '../machines/pool/context.ts';
import { holderOf, type SandboxContext } from '../machines/sandbox/context.ts';
import type { VolumeContext } from '../machines/volume/context.ts';
import {
  capsuleAddress,
  containerAddress,
  hostAddress,
  kindOf,
  networkAddress,
  poolAddress,
  sandboxAddress,
  volumeAddress,
  type Address,
} from '../model/address.ts';
import { defaultNetworkId, type NetworkRequest } from '../model/network.ts';

/** Those that it names; whether they are there is another question. A host and a tenant keep no list of others. */
export function relatedTo(address: Address, context: unknown): readonly Address[] {
  const found = relations(address, context);
  return [...new Set(found)];
}

function relations(address: Address, context: unknown): readonly Address[] {
  switch (kindOf(address)) {
    case 'container': {
      const { tenant, hostId, capsuleId, sandboxId, ports, mounts } = context as ContainerContext;
      return [
        ...hostOf(hostId),
        ...(capsuleId === null ? [] : [capsuleAddress(tenant, capsuleId)]),
        ...(sandboxId === null ? [] : [sandboxAddress(tenant, sandboxId)]),
        ...ports
          .filter(({ neutron }) => !neutron)
          .map(({ network: { networkId } }) => networkAddress(tenant, networkId)),
        ...mounts.map(({ volumeId }) => volumeAddress(tenant, volumeId)),
      ];
    }
    case 'capsule': {
      const { tenant, hostId, sandboxId, members, ports } = context as CapsuleContext;
      return [
        ...hostOf(hostId),
        ...(sandboxId === null ? [] : [sandboxAddress(tenant, sandboxId)]),
        ...members.map(({ containerId }) => containerAddress(tenant, containerId)),
        ...ports.map(({ network: { networkId } }) => networkAddress(tenant, networkId)),
      ];
    }
    case 'sandbox': {
      const sandbox = context as SandboxContext;
      const { tenant, hostId, claimedBy, networks, pool } = sandbox;
      return [
        ...hostOf(hostId),
        ...(claimedBy === null ? [] : [holderOf(sandbox, claimedBy)]),
        ...networksOf(tenant, hostId, networks),
        ...(pool === null ? [] : [poolAddress(tenant, pool.id)]),
      ];
    }
    case 'pool': {
      const { tenant, hostId, networks } = context as PoolContext;
      return [...hostOf(hostId), ...networksOf(tenant, hostId, networks)];
    }
    case 'volume': {
      const { tenant, hostId, attached } = context as VolumeContext;
      return [...hostOf(hostId), ...attached.map((id) => containerAddress(tenant, id))];
    }
    case 'image': {
      const { tenant, hostId, origin } = context as ImageContext;
      return [
        ...hostOf(hostId),
        ...(origin.kind === 'commit' ? [containerAddress(tenant, origin.containerId)] : []),
      ];
    }
    case 'network':
      return hostOf((context as NetworkContext).hostId);
    default:
      return [];
  }
}

const hostOf = (hostId: string | null): readonly Address[] => (hostId === null ? [] : [hostAddress(hostId)]);

const networksOf = (
  tenant: string,
  hostId: string,
  networks: readonly NetworkRequest[],
): readonly Address[] =>
  networks
    .filter(({ neutron }) => !neutron)
    .map(({ networkId, isDefault }) =>
      networkAddress(tenant, isDefault ? defaultNetworkId(tenant, hostId) : networkId),
    );
