/**
 * What a script does that puts something on a network of Neutron: port, namespace, plug, and ACTIVE awaited with the polling
 * that Troupe has. Nothing is durable, and nothing is retried.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { NeutronCloud, WirePort } from '../test/openstack/neutron-cloud.ts';
import type { Project } from '../test/openstack/cloud.ts';
import { program } from '../test/support/run-program.ts';
import { pause } from './site.ts';

/** As src/actors/effects/neutron-ports.ts. */
const lookMs = 250;

/** Resolves once the port is ACTIVE. @returns what takes it all away */
export async function plugByScript(
  neutron: NeutronCloud,
  { id: projectId }: Project,
  networkId: string,
): Promise<() => Promise<void>> {
  const { port } = await neutron.call<{ port: WirePort & { mac_address: string } }>('POST', '/ports', {
    port: {
      network_id: networkId,
      project_id: projectId,
      device_id: randomUUID(),
      device_owner: 'compute:kuryr',
      'binding:host_id': hostname(),
    },
  });
  const [bridge, tap] = [`brq${networkId.slice(0, 11)}`, `tap${port.id.slice(0, 11)}`];
  const [space, peer] = [`bench-${port.id.slice(0, 8)}`, `p${port.id.slice(0, 8)}`];
  const address = port.fixed_ips[0]!.ip_address;
  // As os-vif and Kuryr.
  const script = `set -e
    ip netns add ${space}
    ip link add ${tap} type veth peer name ${peer}
    ip link set ${peer} netns ${space}
    ip link show ${bridge} >/dev/null 2>&1 || ip link add ${bridge} type bridge stp_state 0 forward_delay 0
    ip link set ${bridge} up
    ip link set ${tap} master ${bridge} up
    ip -n ${space} link set ${peer} name eth0 address ${port.mac_address}
    ip -n ${space} addr add ${address}/24 dev eth0
    ip -n ${space} link set eth0 up`;
  await program('sh', '-c', script);
  while ((await neutron.port(port.id)).status !== 'ACTIVE') await pause(lookMs);
  return async () => {
    await program('ip', 'netns', 'delete', space);
    await neutron.call('DELETE', `/ports/${port.id}`);
  };
}
