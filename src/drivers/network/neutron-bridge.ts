/**
 * The bridge that a port of Neutron is plugged into, as os-vif makes it for
 * Neutron's Linux bridge agent: the agent knows it and the port's link by their
 * names, and leaves both to whoever plugs. Its rules of what may pass are
 * Neutron's, and so is the bridge: it stays.
 *
 * @see openstack/os-vif:vif_plug_linux_bridge/linux_net.py, _ensure_bridge_privileged
 */
import { bridgeOf } from './link-names.ts';
import type { PlugSpec } from './network-driver.ts';
import type { Parts } from './parts.ts';
import { attemptOf } from './port-pair.ts';

export async function ensureNeutronBridge(
  { ip, host }: Parts,
  spec: PlugSpec,
  signal: AbortSignal,
): Promise<void> {
  const bridge = bridgeOf(spec);
  if (!(await ip.link(bridge, signal))) {
    const kind = 'type bridge stp_state 0 forward_delay 0 mcast_snooping 0';
    try {
      await ip.batch(attemptOf(spec), [`link add name ${bridge} mtu ${spec.mtu} ${kind}`], signal);
    } catch (error) {
      // The agent has made it in this moment.
      if (!(await ip.link(bridge, signal))) throw error;
    }
  }
  // The host itself is not on this network.
  if ((await host.readSetting(`net/ipv6/conf/${bridge}/disable_ipv6`)) !== null)
    await host.writeSetting(`net/ipv6/conf/${bridge}/disable_ipv6`, '1');
  await ip.batch(attemptOf(spec), [`link set dev ${bridge} up`], signal);
}
