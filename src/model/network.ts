/** Networks and the ports that plug sandboxes into them. */
import { namedUuid } from './named-uuid.ts';

/** A network as its host knows it: one bridge. */
export interface NetworkDefinition {
  readonly networkId: string;
  /** CIDR, e.g. `10.64.3.0/24`. */
  readonly subnet: string;
  /** The bridge's own address in it; of one of Neutron's its router's, or empty where it has none. */
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
  /** The network is Neutron's, and so is its port; absent for one of the host's own. */
  readonly neutron?: NeutronRequest;
}

/** What a port of Neutron is to be beside that. */
export interface NeutronRequest {
  /** One of the user's own, which is given back; null = one is made, and goes with its sandbox. */
  readonly portId: string | null;
  /** IPv6 address of the user's choice; null = any that the network gives. */
  readonly fixedAddress6: string | null;
  /** Ids. A port of the user's own keeps those that it has. */
  readonly securityGroups: readonly string[];
  /** What a group of the container's own lets in, instead of these; absent = it has none. */
  readonly exposed?: readonly ExposedPort[];
}

/** A port that anybody reaches at the container itself. */
export interface ExposedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly containerPort: number;
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
  /** Absent for a port of a network of the host's own. */
  readonly neutron?: NeutronBinding;
}

/** A security group, by id, that ports get or lose. */
export interface GroupChange {
  readonly groupId: string;
  readonly isAdded: boolean;
}

/** A port of Neutron as its host plugs it and its API shows it. */
export interface NeutronBinding {
  /** All of them, the port's `address` first. */
  readonly addresses: readonly NeutronAddress[];
  /** Of default routes, one a family at most. */
  readonly gateways: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly via: string }[];
  readonly nameservers: readonly string[];
  readonly securityGroups: readonly string[];
  /** The user's own: given back at the end, not deleted. */
  readonly isUsers: boolean;
  /** Neutron's agent on the host is one of Open vSwitch; absent = a Linux bridge. */
  readonly ovs?: SwitchBridge;
  /** Absent in ports that were made before it was told. */
  readonly outline?: NetworkOutline;
}

/** Of a network of Neutron's, what an engine's own network for a port of it is made of. */
export interface NetworkOutline {
  /** With everybody. */
  readonly isShared: boolean;
  /** Those that the port has addresses of. */
  readonly subnets: readonly {
    readonly subnetId: string;
    readonly cidr: string;
    readonly gateway: string | null;
  }[];
}

/** A bridge of Open vSwitch. */
export interface SwitchBridge {
  readonly bridge: string;
  /** Its packets are moved by a program, not by the kernel (`datapath_type: netdev`). */
  readonly isUserspace: boolean;
}

export interface NeutronAddress {
  readonly address: string;
  /** Of its subnet. */
  readonly prefix: number;
  readonly version: 4 | 6;
  readonly subnetId: string;
}

/** Its addresses with their subnets; a network of a host's own is its one subnet. */
export const placesOf = ({ address, network, neutron }: Port): readonly Omit<NeutronAddress, 'prefix'>[] =>
  neutron?.addresses ?? [{ address, version: 4, subnetId: network.networkId }];

/** All that it answers at. */
export const addressesOf = (port: Port): readonly string[] => placesOf(port).map(({ address }) => address);

/** In these security groups from now on. */
export const regrouped = (port: Port, securityGroups: readonly string[] | undefined): Port =>
  port.neutron && securityGroups ? { ...port, neutron: { ...port.neutron, securityGroups } } : port;

/** What would be asked for to have such a port again. */
export const requestOf = ({ portId, network: { networkId }, neutron }: Port): NetworkRequest => ({
  networkId,
  isDefault: false,
  fixedAddress: null,
  ...(neutron && {
    neutron: {
      portId: neutron.isUsers ? portId : null,
      fixedAddress6: null,
      securityGroups: neutron.securityGroups,
    },
  }),
});

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

/** Networks in the order of their interfaces, with the security groups of each, alike for all hosts. */
export const networksKey = (networks: readonly NetworkRequest[]): string =>
  networks
    .map(({ networkId, isDefault, neutron }) =>
      isDefault ? 'default' : [networkId, ...(neutron?.securityGroups ?? []).toSorted()].join('~'),
    )
    .join('+');

/** Any address and port of the network would do. */
export const isLikeOthers = ({ fixedAddress, neutron }: NetworkRequest): boolean =>
  fixedAddress === null && !neutron?.portId && !neutron?.fixedAddress6 && !neutron?.exposed;

/** One pool a host, project and set of networks. */
export const poolId = (hostId: string, networks: readonly NetworkRequest[]): string =>
  `${hostId}.${networksKey(networks)}`;
