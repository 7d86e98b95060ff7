/** The bridge driver on a machine of tests. */
import { randomUUID } from 'node:crypto';
import { createBridgeNetworkDriver } from '../../src/drivers/network/bridge-network.ts';
import type { NetworkUnderTest } from '../conformance/network-driver-stage.ts';
import { droppedBy } from './firewall-counters.ts';
import type { NetworkHost } from './network-host.ts';

export async function bridgeNetworkOn(host: Promise<NetworkHost>): Promise<NetworkUnderTest> {
  const machine = await host;
  const make = () => createBridgeNetworkDriver({ host: machine.host, uplinks: [machine.uplink] });
  return {
    driver: make(),
    worldId: randomUUID(),
    on: machine,
    again: make,
    dropped: (...worldIds) => droppedBy(machine, worldIds),
  };
}
