/**
 * Ports of Neutron that are plugged by kuryr-libnetwork, for a site that must
 * keep it: Docker is asked for a network of its driver, and Kuryr binds the
 * port that Neutron has for the address. All else is the bridge driver's. The
 * port is Troupe's as ever, made before and given back after.
 */
import { toFailure, TroupeError } from '../../errors/errors.ts';
import { detectEngine } from '../runtime/engine-kind.ts';
import { checkPlug } from './check-specs.ts';
import { announce, setUpInside } from './inside.ts';
import type { AddressedLink } from './ip.ts';
import { kuryrCarriers, type Carrier } from './kuryr-carriers.ts';
import { kuryrNetworks, type KuryrOptions } from './kuryr-networks.ts';
import * as names from './link-names.ts';
import { type Namespace, withNamespace } from './namespace.ts';
import type { NetworkDriver, PlugSpec } from './network-driver.ts';
import { completeChecksums } from './open-vswitch.ts';
import type { Parts } from './parts.ts';
import { attemptOf, staleOf, type Stale } from './port-pair.ts';
import { awaitForwarding } from './ports.ts';

/** @param bridge what plugs everything else, and what it has plugged before */
export function kuryrPorts(parts: Parts, options: KuryrOptions, bridge: NetworkDriver): NetworkDriver {
  const { host, ip, queue } = parts;
  const networks = kuryrNetworks(options);
  const carriers = kuryrCarriers(options.engine);

  /** The port's interface as it is in its namespace; null when it has yet to come there. @throws TroupeError NAME_IN_USE */
  const seen = async (
    spec: PlugSpec,
    namespace: Namespace,
    signal: AbortSignal,
  ): Promise<AddressedLink | null> => {
    const inside = await ip.addresses(signal, namespace);
    const end = inside.find(({ ifname }) => ifname === spec.interfaceName);
    if (!end) return null;
    if (end.address !== spec.mac)
      throw new TroupeError(
        'NAME_IN_USE',
        `${attemptOf(spec)}: its namespace has an interface "${spec.interfaceName}" already`,
      );
    if ((await carriers.find(spec, signal))?.isRunning) return end;
    // Plugged before Kuryr was to, or left by one that was away when its carrier ended.
    const lines = [`link delete dev ${end.ifname}`];
    await ip.batch(attemptOf(spec), lines, signal, { inside: namespace });
    return null;
  };

  const bring = async (spec: PlugSpec, namespace: Namespace, signal: AbortSignal): Promise<void> => {
    await bridge.unplug(spec, signal);
    const network = await networks.ensure(spec, signal);
    const path = await carriers.make(spec, network, signal);
    await withNamespace(host, path, async (carrier) => {
      const [link] = (await ip.addresses(signal, carrier)).filter(({ address }) => address === spec.mac);
      if (!link)
        throw new TroupeError(
          'NETWORK_ERROR',
          `${attemptOf(spec)}: Kuryr gave its carrier no interface with the MAC "${spec.mac}"`,
          { retryable: true },
        );
      const there = `/proc/${process.pid}/fd/${namespace.fd}`;
      await ip.batch(
        attemptOf(spec),
        [
          `link set dev ${link.ifname} down`,
          `link set dev ${link.ifname} netns ${there} name ${spec.interfaceName}`,
        ],
        signal,
        { inside: carrier },
      );
    });
  };

  const plug = async (spec: PlugSpec, namespace: Namespace, signal: AbortSignal): Promise<void> => {
    const end = await seen(spec, namespace, signal);
    if (!end) await bring(spec, namespace, signal);
    const stale: Stale = end
      ? staleOf(spec, end, await ip.routes(4, signal, namespace), await ip.routes(6, signal, namespace))
      : { addresses: [], routes: [] };
    if (spec.ovs?.isUserspace) await completeChecksums(host, attemptOf(spec), spec, namespace, signal);
    await setUpInside(parts, spec, namespace, stale, signal);
    if (!spec.ovs) await awaitForwarding(parts, spec, signal);
    await announce(parts, spec, namespace, signal);
  };

  const remove = async (carrier: Carrier, signal: AbortSignal): Promise<void> => {
    await carriers.remove(carrier, signal);
    await networks.removeUnused(carrier.worldId, carrier.network, signal);
  };

  /** Those of whose ports both ends are there: with its namespace an end goes, and with it the other. */
  const whole = async (signal: AbortSignal): Promise<readonly Carrier[]> => {
    const [found, links] = await Promise.all([carriers.list(signal), ip.links(signal)]);
    const taps = new Set(links.map(({ ifname }) => ifname));
    return found.filter(({ isRunning, portId }) => isRunning && taps.has(names.tapName(portId)));
  };

  return {
    ...bridge,
    name: 'kuryr',
    async plug(spec, signal) {
      if (spec.of === 'us') return bridge.plug(spec, signal);
      checkPlug(spec);
      await withNamespace(host, spec.netnsPath, (namespace) =>
        // A Docker network must not go between what makes it and who joins it.
        queue(spec.networkId, () => plug(spec, namespace, signal)),
      );
    },
    async unplug(identity, signal) {
      const carrier = await carriers.find(identity, signal);
      if (carrier) await queue(carrier.networkId, () => remove(carrier, signal));
      await bridge.unplug(identity, signal);
    },
    async listPorts(signal) {
      const [own, carried] = await Promise.all([bridge.listPorts(signal), whole(signal)]);
      return [
        ...own,
        ...carried.map(({ worldId, portId, networkId }) => ({
          linkName: names.tapName(portId),
          worldId,
          portId,
          networkId,
          // What it may send Neutron's agent says.
          guarded: true,
        })),
      ];
    },
    async sweep(worldId, signal) {
      const removed = [...(await bridge.sweep(worldId, signal))];
      const left = async () => {
        const sound = new Set((await whole(signal)).map(({ engineId }) => engineId));
        const all = await carriers.list(signal);
        return all.filter((each) => each.worldId === worldId && !sound.has(each.engineId));
      };
      for (const carrier of await left())
        await queue(carrier.networkId, async () => {
          // It was being plugged, or is gone.
          if (!(await left()).some(({ engineId }) => engineId === carrier.engineId)) return;
          await remove(carrier, signal);
          removed.push(names.tapName(carrier.portId));
        });
      for (const { networkId, name } of await networks.list(worldId, signal))
        await queue(networkId, () => networks.removeUnused(worldId, name, signal));
      return removed.toSorted();
    },
  };
}

/**
 * Why Kuryr can't plug here, in words, with what to do; null when it answers. A network that no plugin is asked to make
 * tells it: Docker looks for the driver first, and refuses the range then. It waits 15 s for a plugin that isn't there.
 *
 * @see moby/moby:libnetwork/controller.go, NewNetwork; libnetwork/ipams/null/null.go, RequestPool
 */
export async function kuryrProblem(
  { engine, plugin }: Pick<KuryrOptions, 'engine' | 'plugin'>,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    if ((await detectEngine(engine.socketPath, signal)) !== 'docker') return notDocker;
    const reply = await engine.send<{ Id: string }>({
      method: 'POST',
      path: '/networks/create',
      body: {
        Name: `troupe-probe-${plugin}`,
        Driver: plugin,
        IPAM: { Driver: 'null', Config: [{ Subnet: '192.0.2.0/24' }] },
      },
      signal,
    });
    if (!reply.ok && /null ipam driver/i.test(reply.message)) return null;
    const said = reply.ok ? 'it made a network of a range that it should refuse' : reply.message;
    return `Docker has no plugin "${plugin}" that answers (${said}); start kuryr-libnetwork, or set network.kuryr to its name`;
  } catch (error) {
    return toFailure(error).message;
  }
}

const notDocker = 'network.kuryr needs Docker: this engine knows no plugins; unset it';
