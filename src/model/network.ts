/** Networks and the ports that plug sandboxes into them. */
import { namedUuid } from './named-uuid.ts';

/** A network as its host knows it: one bridge. */
export interface NetworkDefinition {
  readonly networkId: string;
  /** CIDR, e.g. `10.64.3.0/24`. */
  readonly subnet: string;
  /** The bridge's own address in it. */
  readonly gateway: string;
  readonly mtu: number;
}

/** What a sandbox asks of a network. */
export interface NetworkRequest {
  readonly networkId: string;
  /** The project's own on that host, made when it is first asked. */
  readonly isDefault: boolean;
  /** An address of the user's choice; null = any. */
  readonly fixedAddress: string | null;
}

/** One plug: an address of a network, in a sandbox. */
export interface Port {
  readonly portId: string;
  readonly network: NetworkDefinition;
  readonly mac: string;
  /** Without a prefix length, which is the subnet's. */
  readonly address: string;
  /** Name of the interface inside, e.g. `eth0`; the first one has the default route. */
  readonly interfaceName: string;
}

/** A container's port that is reachable at its host. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly containerPort: number;
  /** 0 = one that is free: the same number where nobody has it, else another. */
  readonly hostPort: number;
}

/** The network that a project has on a host without asking for one. */
export const defaultNetworkId = (tenant: string, hostId: string): string =>
  namedUuid(`network/${tenant}/${hostId}`);

/** Networks in the order of their interfaces, alike for all hosts. */
export const networksKey = (networks: readonly NetworkRequest[]): string =>
  networks.map(({ networkId, isDefault }) => (isDefault ? 'default' : networkId)).join('+');

/** One pool a host, project and set of networks. */
export const poolId = (hostId: string, networks: readonly NetworkRequest[]): string =>
  `${hostId}.${networksKey(networks)}`;
