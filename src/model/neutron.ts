/** Neutron as Troupe needs it: what a client of it offers, and its things in our words. */
import type { ExposedPort } from './network.ts';

export interface NeutronNetwork {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  /** With everybody. */
  readonly isShared: boolean;
  /** `router:external`. */
  readonly isExternal: boolean;
  readonly mtu: number;
  readonly status: string;
  /** ISO 8601, by Neutron's clock. */
  readonly createdAt: string;
}

export interface NeutronRoute {
  /** CIDR. */
  readonly destination: string;
  readonly via: string;
}

export interface NeutronSubnet {
  readonly id: string;
  readonly version: 4 | 6;
  readonly cidr: string;
  readonly gateway: string | null;
  readonly nameservers: readonly string[];
  /** `host_routes`. */
  readonly routes: readonly NeutronRoute[];
}

export interface NeutronFixedIp {
  readonly subnetId: string;
  readonly address: string;
}

/** Of `binding:vif_details`. */
export interface NeutronVif {
  /** `bridge_name`, of Open vSwitch; null where Neutron names none. */
  readonly bridge: string | null;
  /** `ovs_hybrid_plug`: by way of a Linux bridge, where its rules are. */
  readonly isHybrid: boolean;
  /** `datapath_type` is `netdev`. */
  readonly isUserspace: boolean;
}

export interface NeutronPort {
  readonly id: string;
  readonly name: string;
  readonly networkId: string;
  readonly projectId: string;
  readonly mac: string;
  /** `ACTIVE` once its agent has wired it, `DOWN`, `BUILD`, `ERROR`. */
  readonly status: string;
  /** Empty = nobody has it. */
  readonly deviceId: string;
  readonly deviceOwner: string;
  /** `binding:host_id`; empty = bound nowhere. */
  readonly hostId: string;
  /** `binding:vif_type`: `bridge`, `ovs`, `unbound`, `binding_failed` … */
  readonly vifType: string;
  /** What whoever plugs it is to know. */
  readonly vif: NeutronVif;
  readonly fixedIps: readonly NeutronFixedIp[];
  /** Ids. */
  readonly securityGroups: readonly string[];
  readonly tags: readonly string[];
  /** Counts its changes. */
  readonly revision: number;
}

export interface NeutronSecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
}

export interface PortWish {
  readonly networkId: string;
  readonly projectId: string;
  readonly name: string;
  /** Says whose it is from the first moment: a tag can only be given to what is there. */
  readonly description: string;
  /** Unique in a network: who asks twice with one MAC gets one port. */
  readonly mac: string;
  readonly deviceId: string;
  readonly deviceOwner: string;
  readonly hostId: string;
  /** Of the user's choice; none = any. */
  readonly fixedAddresses: readonly string[];
  readonly securityGroups: readonly string[];
}

export type PortChange = Partial<
  Pick<PortWish, 'name' | 'deviceId' | 'deviceOwner' | 'hostId' | 'securityGroups'>
>;

/** All that match every field that is given; a list means any of its values. */
export interface PortQuery {
  readonly id?: readonly string[];
  readonly name?: string;
  readonly networkId?: string;
  readonly projectId?: string;
  readonly mac?: string;
  /** One of its fixed addresses. */
  readonly address?: string;
  readonly description?: string;
  /** Bound at this host. */
  readonly hostId?: string;
  readonly tag?: string;
}

/**
 * With Troupe's own credentials, so that it sees what every project has: who may see what is the caller's to look at.
 *
 * All throw TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED with Neutron's own words.
 */
export interface Neutron {
  networks(query: {
    readonly id?: string;
    readonly name?: string;
    readonly projectId?: string;
    readonly shared?: boolean;
  }): Promise<readonly NeutronNetwork[]>;
  /** Ids of networks of others that a rule of theirs lets this project use. */
  networksSharedWith(projectId: string): Promise<readonly string[]>;
  subnets(networkId: string): Promise<readonly NeutronSubnet[]>;
  ports(query: PortQuery): Promise<readonly NeutronPort[]>;
  /** Null when there is none. */
  port(id: string): Promise<NeutronPort | null>;
  /**
   * Null when a port of the network has this MAC already.
   * @throws TroupeError QUOTA_EXCEEDED, ADDRESSES_EXHAUSTED, NAME_IN_USE (a fixed address), INVALID_VALUE (one of no
   *   subnet), NETWORK_NOT_FOUND, SECURITY_GROUP_NOT_FOUND
   */
  createPort(wish: PortWish): Promise<NeutronPort | null>;
  /**
   * @param revision the change is refused when the port has another by now
   * @throws TroupeError PORT_NOT_FOUND, PORT_IN_USE (another revision), SECURITY_GROUP_NOT_FOUND
   */
  updatePort(id: string, change: PortChange, revision?: number): Promise<NeutronPort>;
  /** What is gone already is deleted. */
  deletePort(id: string): Promise<void>;
  /** Beside those it has. @throws TroupeError PORT_NOT_FOUND */
  addTags(portId: string, tags: readonly string[]): Promise<void>;
  /** Instead of those it has. @throws TroupeError PORT_NOT_FOUND */
  setTags(portId: string, tags: readonly string[]): Promise<void>;
  removeTags(portId: string, tags: readonly string[]): Promise<void>;
  /**
   * Of a project (null = of all), its default one among them: Neutron makes that when it is asked first.
   * @param description only those that are described so
   */
  securityGroups(projectId: string | null, description?: string): Promise<readonly NeutronSecurityGroup[]>;
  /** It lets out all, and nothing in. @throws TroupeError QUOTA_EXCEEDED */
  createSecurityGroup(wish: {
    readonly projectId: string;
    readonly name: string;
    readonly description: string;
  }): Promise<NeutronSecurityGroup>;
  /** From everywhere, by both families. What is let in already is. @throws TroupeError QUOTA_EXCEEDED, SECURITY_GROUP_NOT_FOUND */
  letIn(groupId: string, projectId: string, port: ExposedPort): Promise<void>;
  /** What is gone already is deleted. False while a port has it. */
  deleteSecurityGroup(id: string): Promise<boolean>;
}
