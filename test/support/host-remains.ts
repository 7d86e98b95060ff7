/** Takes away what agents of a test made on this machine: containers, sandboxes, networks, volumes that are mounted. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Docker from 'dockerode';
import { openLmdbState } from '../../src/agent/lmdb-state.ts';
import { createBridgeNetworkDriver } from '../../src/drivers/network/bridge-network.ts';
import { createLocalVolumeDriver } from '../../src/drivers/volume/local-volumes.ts';
import { dockerSocket, removeWorld } from './docker.ts';

/**
 * @param directory with the agents' state directories somewhere below; their processes have ended
 * @param socket of the engine they used
 * @param ovsdb of the Open vSwitch they used, its usual place otherwise
 */
export async function removeRemains(directory: string, socket = dockerSocket, ovsdb?: string): Promise<void> {
  const { signal } = new AbortController();
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((each) => each.endsWith('agent/agent/data.mdb'))) {
    const agent = dirname(dirname(join(directory, file)));
    const state = await openLmdbState(agent);
    const { identity } = await state.read();
    await state.close();
    if (!identity) continue;
    const { worldId } = identity;
    await removeWorld(new Docker({ socketPath: socket }), worldId);
    const networks = createBridgeNetworkDriver(ovsdb === undefined ? {} : { ovsdb });
    for (const { portId, worldId: of } of await networks.listPorts(signal))
      if (of === worldId && portId !== null) await networks.unplug({ worldId, portId }, signal);
    for (const { networkId, worldId: of } of await networks.listNetworks(signal))
      if (of === worldId && networkId !== null) await networks.removeNetwork({ worldId, networkId }, signal);
    await networks.sweep(worldId, signal);
    const volumes = createLocalVolumeDriver({ directory: join(dirname(agent), 'volumes') });
    for (const { volumeId, kind } of await volumes.listVolumes(signal))
      if (kind === 'cinder') await volumes.disconnectVolume({ worldId, volumeId }, null, signal);
      else await volumes.removeVolume({ worldId, volumeId }, signal);
  }
}
