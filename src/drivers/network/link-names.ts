/**
 * How links say whose they are.
 *
 * - Name: `tr-` (a network's bridge) or `tp-` (the host's end of a port), then
 *   the first 12 hex digits of its id: 15 characters, as long as a link's name
 *   may be (IFNAMSIZ - 1). Neutron's agent knows its own by other names: `brq`
 *   or `tap`, then the first 11 characters of the id.
 * - Group: 31 bits of the world's id. The kernel sets it with the link itself,
 *   so that what a crash left half made is known as ours too.
 * - Alias (up to 255 characters): the ids in full. Set last but for the
 *   addresses; a link without it was never finished.
 */
import { TroupeError } from '../../errors/errors.ts';
import { isUuid } from '../../model/uuid.ts';
import type { PlugSpec } from './network-driver.ts';

export const bridgePrefix = 'tr-';
export const portPrefix = 'tp-';

export interface NetworkAlias {
  readonly worldId: string;
  readonly networkId: string;
  readonly tenant: string;
}

export interface PortAlias {
  readonly worldId: string;
  readonly networkId: string;
  readonly portId: string;
  /** Of Open vSwitch, where it is plugged into one. */
  readonly ovs: string | null;
}

export const bridgeName = (networkId: string): string => bridgePrefix + hexOf(networkId).slice(0, 12);
export const portName = (portId: string): string => portPrefix + hexOf(portId).slice(0, 12);

const neutronLength = 11;

/** @see openstack/neutron-lib: constants.TAP_DEVICE_PREFIX; openstack/neutron: BRIDGE_NAME_PREFIX */
export const tapName = (portId: string): string => {
  hexOf(portId);
  return `tap${portId.slice(0, neutronLength)}`;
};

type Plugged = Pick<PlugSpec, 'of' | 'portId' | 'networkId'>;

/** The host's end of a port. */
export const linkOf = ({ of, portId }: Plugged): string =>
  of === 'neutron' ? tapName(portId) : portName(portId);

/** What it is plugged into. */
export const bridgeOf = ({ of, networkId }: Plugged): string => {
  if (of === 'us') return bridgeName(networkId);
  hexOf(networkId);
  return `brq${networkId.slice(0, neutronLength)}`;
};

/** The name of a world's tables in the firewall. */
export const tableName = (worldId: string): string => `troupe_${hexOf(worldId).slice(0, 8)}`;

export const isTableName = (name: string): boolean => /^troupe_[0-9a-f]{8}$/.test(name);

/** 1 to 2^31 - 1: group 0 is everybody's. */
export const linkGroup = (worldId: string): number =>
  parseInt(hexOf(worldId).slice(0, 8), 16) & 0x7fffffff || 1;

/** The MAC of a network's gateway: as a port's, in another corner of the local ones. */
export const bridgeMac = (networkId: string): string =>
  ['06', ...(hexOf(networkId).slice(0, 10).match(/../g) ?? [])].join(':');

export const networkAlias = ({ worldId, networkId, tenant }: NetworkAlias): string =>
  `troupe network=${networkId} world=${worldId} tenant=${tenant}`;

export const portAlias = ({
  worldId,
  networkId,
  portId,
  ovs,
}: Pick<PlugSpec, 'worldId' | 'networkId' | 'portId' | 'ovs'>): string =>
  `troupe port=${portId} world=${worldId} network=${networkId}${ovs ? ` ovs=${ovs.bridge}` : ''}`;

export function parseNetworkAlias(alias: string | undefined): NetworkAlias | null {
  const found = /^troupe network=(\S+) world=(\S+) tenant=(\S+)$/.exec(alias ?? '');
  const [, networkId, worldId, tenant] = found ?? [];
  return networkId && worldId && tenant ? { worldId, networkId, tenant } : null;
}

export function parsePortAlias(alias: string | undefined): PortAlias | null {
  const found = /^troupe port=(\S+) world=(\S+) network=(\S+?)(?: ovs=(\S+))?$/.exec(alias ?? '');
  const [, portId, worldId, networkId, ovs = null] = found ?? [];
  return portId && worldId && networkId ? { worldId, networkId, portId, ovs } : null;
}

/** @throws TroupeError INVALID_INPUT when it is no UUID */
export function hexOf(id: string): string {
  if (!isUuid(id)) throw new TroupeError('INVALID_INPUT', `"${id}" is not a UUID`);
  return id.replaceAll('-', '');
}
