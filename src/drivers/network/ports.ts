/**
 * Ports: a veth pair each, one end at the network's bridge, the other in a
 * sandbox's namespace. The rules of what it may send are there before it is.
 */
import { TroupeError } from '../../errors/errors.ts';
import { checkPlug } from './check-specs.ts';
import * as firewall from './firewall.ts';
import { announce, setUpInside } from './inside.ts';
import * as names from './link-names.ts';
import { identifyNamespace, type Namespace, withNamespace } from './namespace.ts';
import { ensureNeutronBridge } from './neutron-bridge.ts';
import type { NetworkDriver, PlugSpec, PortIdentity } from './network-driver.ts';
import { completeChecksums } from './open-vswitch.ts';
import { attemptOf, ensurePair } from './port-pair.ts';
import {
  guardedNames,
  isOurTap,
  isPort,
  type Parts,
  removeEnd,
  removePortOf,
  unpluggingOf,
} from './parts.ts';
import { removePublications } from './publications.ts';

export function ports(parts: Parts): Pick<NetworkDriver, 'plug' | 'identify' | 'unplug' | 'listPorts'> {
  const { host, ip, queue } = parts;
  return {
    async plug(spec, signal) {
      checkPlug(spec);
      await queue(names.linkOf(spec), () =>
        withNamespace(host, spec.netnsPath, (namespace) => plug(parts, spec, namespace, signal)),
      );
    },
    identify: identifyNamespace,
    async unplug({ worldId, portId }, signal) {
      const link = names.portName(portId);
      const isOwn = (await host.readLinkFile(link, 'ifindex')) !== null;
      await queue(link, async () => {
        await removePublications(parts, { worldId, portId }, signal);
        await removePortOf(parts, worldId, link, signal);
      });
      const tap = names.tapName(portId);
      await queue(tap, async () => {
        if (!isOwn) await removeFromSwitch(parts, { worldId, portId }, signal);
        await removeEnd(parts, worldId, tap, signal);
      });
    },
    async listPorts(signal) {
      const links = (await ip.links(signal)).filter((link) => isPort(link) || isOurTap(link));
      const guarded = await guardedNames(parts, 'bridge', firewall.held.ports, signal);
      return links.map(({ ifname, ifalias }) => {
        const { worldId, portId, networkId } = names.parsePortAlias(ifalias) ?? unknownPort;
        // What a port of Neutron's may send its agent says.
        const isGuarded = !isPort({ ifname }) || guarded.has(ifname);
        return { linkName: ifname, worldId, portId, networkId, guarded: isGuarded };
      });
    },
  };
}

/** A port stays at its bridge of Open vSwitch when its link goes with its namespace; then only that can tell. */
async function removeFromSwitch(
  { host, ovs }: Parts,
  { worldId, portId }: PortIdentity,
  signal: AbortSignal,
): Promise<void> {
  const tap = names.tapName(portId);
  const alias = await host.readLinkFile(tap, 'ifalias');
  const owner = names.parsePortAlias(alias ?? undefined);
  const isThere = alias === null ? await ovs.isHere() : owner?.worldId === worldId && owner.ovs !== null;
  if (isThere) await ovs.removePort(unpluggingOf(tap), tap, signal);
}

const unknownPort = { worldId: null, portId: null, networkId: null };

async function plug(parts: Parts, spec: PlugSpec, namespace: Namespace, signal: AbortSignal): Promise<void> {
  const { host, nft, ovs } = parts;
  const attempt = attemptOf(spec);
  if (spec.of === 'us') await nft.apply(attempt, firewall.addPort(spec), signal);
  else if (!spec.ovs) await ensureNeutronBridge(parts, spec, signal);
  const stale = await ensurePair(parts, spec, namespace, signal);
  if (spec.ovs?.isUserspace) await completeChecksums(host, attempt, spec, namespace, signal);
  // Early: while the rest is done here, Neutron's agent sees it.
  if (spec.ovs) await ovs.addPort(attempt, spec, spec.ovs, signal);
  await setUpInside(parts, spec, namespace, stale, signal);
  if (!spec.ovs) await awaitForwarding(parts, spec, signal);
  // On our own networks an address has the same MAC, whoever has it.
  if (spec.of === 'neutron') await announce(parts, spec, namespace, signal);
}

/** The kernel tells the bridge a moment later that the port has a carrier; until then nothing passes it. */
export async function awaitForwarding({ host }: Parts, spec: PlugSpec, signal: AbortSignal): Promise<void> {
  const link = names.linkOf(spec);
  for (let looks = 0; looks < mostLooks; looks++) {
    if ((await host.readLinkFile(link, 'brport/state')) === forwarding) return;
    await host.run('sleep', [secondsBetweenLooks], { signal });
  }
  throw new TroupeError('NETWORK_ERROR', `${attemptOf(spec)}: its bridge lets nothing pass it`, {
    retryable: true,
  });
}

/** linux/if_bridge.h: BR_STATE_FORWARDING */
const forwarding = '3';
/** Together a second, and what starting a program takes. */
const secondsBetweenLooks = '0.01';
const mostLooks = 100;
