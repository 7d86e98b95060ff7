/**
 * Local networks of this host: given a namespace, plug this port.
 *
 * Every method is an *ensure*: called again with the same arguments, also
 * after a crash at any point, it gives the same result. Nothing is kept beside
 * the kernel: links carry who they belong to (`link-names.ts`), the firewall's
 * tables the rest (`firewall.ts`). Methods reject with `TroupeError` only.
 * Aborting `signal` ends what runs; the next call finishes it.
 *
 * What a network promises:
 *
 * - Containers of one network reach each other; those of two networks, of
 *   whatever world or tenant, don't, nor does anything that is routed through
 *   this host from elsewhere.
 * - The outside is reached under an address of this host, through the links
 *   that lead to a router and no others: neither the host itself nor what
 *   other container systems have here. IPv6 stays inside the network.
 * - A published port is reached at the host's addresses: from outside, from
 *   the host, from `localhost`, and from containers, the container itself
 *   included.
 * - A port sends only from its own MAC and its own addresses.
 */

import type { NetworkOutline } from '../../model/network.ts';

/** The state of a network; all ids are UUIDs. */
export interface NetworkSpec {
  readonly worldId: string;
  readonly networkId: string;
  readonly tenant: string;
  /** IPv4, e.g. `10.64.3.0/24`. */
  readonly subnet: string;
  /** In the subnet, without prefix; the bridge holds it. */
  readonly gateway: string;
  readonly ipv6: { readonly subnet: string; readonly gateway: string } | null;
  /** Bytes. */
  readonly mtu: number;
}

export interface Route {
  /** CIDR. */
  readonly destination: string;
  readonly via: string;
}

/** A bridge of Open vSwitch that a port is plugged into. */
export interface SwitchPlug {
  readonly bridge: string;
  /** Its packets are moved by a program, not by the kernel (`datapath_type: netdev`). */
  readonly isUserspace: boolean;
  /** Of whom it is, as those see it who look at the bridge. */
  readonly instanceId: string;
}

/** One interface of one sandbox. */
export interface PlugSpec {
  readonly worldId: string;
  readonly portId: string;
  readonly networkId: string;
  /** Whose network it is: one of ours, or Neutron's, whose agent here says what may pass. */
  readonly of: 'us' | 'neutron';
  /** Where that agent is one of Open vSwitch; absent = a Linux bridge. */
  readonly ovs?: SwitchPlug;
  /** Of a network of Neutron's; absent in ports that were made before it was told. */
  readonly outline?: NetworkOutline;
  /** `/proc/<pid>/ns/net`, `/run/netns/<name>`. */
  readonly netnsPath: string;
  readonly mac: string;
  /** CIDRs: an address with its subnet's prefix, of either family. */
  readonly addresses: readonly string[];
  /** Of the IPv4 default route; null for all but the first interface. */
  readonly gateway: string | null;
  /** `::/0` is the default route of IPv6. */
  readonly routes: readonly Route[];
  readonly mtu: number;
  /** `eth0`, `eth1` … */
  readonly interfaceName: string;
}

export type Protocol = 'tcp' | 'udp';

export interface PublishedPort {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** One of the host's IPv4 addresses, `127.0.0.1` included; null = all of them. */
  readonly hostAddress: string | null;
}

export interface PublishSpec {
  readonly worldId: string;
  readonly portId: string;
  /** IPv4 of the container. */
  readonly address: string;
  /** All of them: what was published for this port and isn't here any more is taken back. */
  readonly ports: readonly PublishedPort[];
}

export interface PortIdentity {
  readonly worldId: string;
  readonly portId: string;
}

export interface NetworkIdentity {
  readonly worldId: string;
  readonly networkId: string;
}

export interface ListedNetwork {
  readonly linkName: string;
  /** Null when a crash left it half made; so is `networkId`. */
  readonly worldId: string | null;
  readonly networkId: string | null;
  readonly tenant: string | null;
  /** Whether the firewall knows it: not when somebody emptied the host's rules. Ensure it again. */
  readonly guarded: boolean;
}

export interface ListedPort {
  readonly linkName: string;
  /** Null when a crash left it half made; so are the other ids. */
  readonly worldId: string | null;
  readonly portId: string | null;
  readonly networkId: string | null;
  readonly guarded: boolean;
}

export interface ListedPublication extends PublishedPort {
  readonly worldId: string;
  readonly portId: string;
  readonly address: string;
}

export interface NetworkProbe {
  /** Whether networks can be made here. */
  readonly able: boolean;
  /** In words, each with what to do: what is missing, or, when `able`, what will not work. */
  readonly problems: readonly string[];
  /** CIDRs this host has routes to: no subnet of a network may overlap them. */
  readonly subnetsInUse: readonly string[];
}

export interface NetworkDriver {
  readonly name: string;
  /** Changes nothing. */
  probe(signal: AbortSignal): Promise<NetworkProbe>;
  /** @throws SUBNET_IN_USE, NAME_IN_USE (a link of this name that isn't ours), HOST_INCAPABLE, INVALID_INPUT */
  ensureNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<void>;
  /** With the last network of a world goes all the world has here. @throws NETWORK_IN_USE while ports are plugged */
  removeNetwork(identity: NetworkIdentity, signal: AbortSignal): Promise<void>;
  /** Of all worlds on this host. */
  listNetworks(signal: AbortSignal): Promise<readonly ListedNetwork[]>;
  /**
   * A port that is plugged into another namespace is plugged anew into this one. The bridge of a network of Neutron's is
   * made where it is missing.
   *
   * @throws NETWORK_NOT_FOUND, SANDBOX_GONE, NAME_IN_USE (the interface's name is taken in the namespace), INVALID_INPUT
   */
  plug(spec: PlugSpec, signal: AbortSignal): Promise<void>;
  /** Which namespace that is: another for each that is made while the one before is there. Null when there is none. */
  identify(netnsPath: string): Promise<string | null>;
  /** Takes back what was published for it, too. */
  unplug(identity: PortIdentity, signal: AbortSignal): Promise<void>;
  /** Of all worlds on this host. */
  listPorts(signal: AbortSignal): Promise<readonly ListedPort[]>;
  /** All or nothing. @throws HOST_PORT_IN_USE naming port and owner, INVALID_PARAMETER for an address that isn't the host's */
  publish(spec: PublishSpec, signal: AbortSignal): Promise<void>;
  unpublish(identity: PortIdentity, signal: AbortSignal): Promise<void>;
  /** Of this world. */
  listPublished(worldId: string, signal: AbortSignal): Promise<readonly ListedPublication[]>;
  /**
   * Removes what crashes left of this world: half-made links, and rules of
   * ports that are gone. Call it before the first operation.
   *
   * @returns the names of the links whose remains were removed
   */
  sweep(worldId: string, signal: AbortSignal): Promise<readonly string[]>;
}
