/**
 * The network driver for Linux bridges, and for those of Open vSwitch where
 * Neutron's agent is of that: a bridge a network, a veth pair a port, nftables
 * for what may pass. It runs `ip`, `nft` and `ovs-vsctl` and keeps no state.
 */
import { createHost, type Host } from '../host.ts';
import { createIp } from './ip.ts';
import { kuryrPorts } from './kuryr.ts';
import type { KuryrOptions } from './kuryr-networks.ts';
import type { NetworkDriver } from './network-driver.ts';
import { networks } from './networks.ts';
import { createNft } from './nft.ts';
import { createOpenVSwitch } from './open-vswitch.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import type { Parts } from './parts.ts';
import { ports } from './ports.ts';
import { probe } from './probe.ts';
import { publications } from './publications.ts';
import { sweep } from './sweep.ts';

export interface BridgeNetworkOptions {
  /** @defaultValue this machine */
  readonly host?: Host;
  /** Links that lead outside. @defaultValue those with a route by way of a router, when a network is ensured */
  readonly uplinks?: readonly string[];
  /** Where the database of Open vSwitch listens. @defaultValue its usual place */
  readonly ovsdb?: string;
  /** Who plugs ports of Neutron. @defaultValue this driver itself */
  readonly kuryr?: KuryrOptions;
}

/** @see ovs-vsctl(8): --db */
export const usualOvsdb = 'unix:/run/openvswitch/db.sock';

export function createBridgeNetworkDriver(options: BridgeNetworkOptions = {}): NetworkDriver {
  const host = options.host ?? createHost();
  const parts: Parts = {
    host,
    ip: createIp(host),
    nft: createNft(host),
    ovs: createOpenVSwitch(host, options.ovsdb ?? usualOvsdb),
    queue: oneAtATime(),
    uplinks: options.uplinks ?? null,
  };
  const bridge: NetworkDriver = {
    name: 'bridge',
    probe: (signal) => probe(parts, signal),
    ...networks(parts),
    ...ports(parts),
    ...publications(parts),
    sweep: (worldId, signal) => sweep(parts, worldId, signal),
  };
  return options.kuryr ? kuryrPorts(parts, options.kuryr, bridge) : bridge;
}
