/**
 * Docker's networks of kuryr-libnetwork: one for each set of subnets that ports
 * here have addresses of, made with the first of them and removed with the last.
 *
 * Beside each, Kuryr keeps a pool of subnets in Neutron. It knows the pool by
 * the range and by what `neutron.subnet.uuid` says, and deletes it with the
 * first Docker network of it that is removed, on whatever host; the others
 * could plug nothing any more. So each says an id of its own there, the subnet's
 * and a mark: where the range is given, too, Kuryr only tags the pool with it.
 *
 * @see openstack/kuryr-libnetwork:kuryr_libnetwork/controllers.py, ipam_request_pool, ipam_release_pool,
 *   network_driver_create_network; openstack/zun:zun/network/kuryr_network.py, create_network
 */
import { createHash } from 'node:crypto';
import { TroupeError } from '../../errors/errors.ts';
import type { NetworkOutline } from '../../model/network.ts';
import { familyOf } from '../../model/subnet.ts';
import type { DockerEngine } from '../runtime/docker-engine.ts';
import { refusal } from '../runtime/docker-errors.ts';
import { worldLabel } from '../runtime/docker-labels.ts';
import { hexOf } from './link-names.ts';
import type { PlugSpec } from './network-driver.ts';
import { attemptOf } from './port-pair.ts';

export interface KuryrOptions {
  readonly engine: DockerEngine;
  /** What Docker calls it. */
  readonly plugin: string;
  /** Of this host; tells its pools of subnets from those of others. */
  readonly hostname: string;
}

export interface KuryrNetworks {
  /** @returns its name at the engine @throws TroupeError HOST_INCAPABLE, NAME_IN_USE, NETWORK_ERROR */
  ensure(spec: PlugSpec, signal: AbortSignal): Promise<string>;
  /** One of this world's that no container is on; else nothing is done. */
  removeUnused(worldId: string, name: string, signal: AbortSignal): Promise<void>;
  /** Of this world. */
  list(
    worldId: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly networkId: string }[]>;
}

/** Of an engine's network, what we read. @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Network */
interface EngineNetwork {
  readonly Name: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

type Subnet = NetworkOutline['subnets'][number];

/** A name begins with the network's id. */
const uuidLength = 36;
/** Of a subnet's id, and of a mark: long enough to tell those of one network, or of one cloud, apart. */
const shortLength = 8;

export function kuryrNetworks({ engine, plugin, hostname }: KuryrOptions): KuryrNetworks {
  const find = async (name: string, signal: AbortSignal): Promise<EngineNetwork | null> => {
    const path = `/networks/${encodeURIComponent(name)}`;
    const reply = await engine.send<EngineNetwork>({ method: 'GET', path, signal });
    if (reply.ok) return reply.body;
    if (reply.status === 404) return null;
    throw refusal(`The network "${name}" could not be inspected`, reply.status, reply.message);
  };
  return {
    async ensure(spec, signal) {
      const outline = outlineOf(spec);
      const name = nameOf(spec, outline);
      const found = await find(name, signal);
      if (found && found.Driver !== plugin)
        throw new TroupeError(
          'NAME_IN_USE',
          `${attemptOf(spec)}: Docker has a network "${name}" of driver "${found.Driver}"; remove that`,
        );
      if (found) return name;
      const reply = await engine.send({
        method: 'POST',
        path: '/networks/create',
        body: networkBody(spec, outline, name, plugin, hostname),
        signal,
      });
      if (!reply.ok) throw kuryrFailure(attemptOf(spec), reply.message);
      return name;
    },
    async removeUnused(worldId, name, signal) {
      if ((await find(name, signal))?.Labels?.[worldLabel] !== worldId) return;
      const path = `/networks/${encodeURIComponent(name)}`;
      const reply = await engine.send({ method: 'DELETE', path, signal });
      // 403: it has endpoints.
      if (reply.ok || reply.status === 404 || reply.status === 403) return;
      throw kuryrFailure(`The network "${name}" could not be removed`, reply.message);
    },
    async list(worldId, signal) {
      const filters = JSON.stringify({ driver: [plugin], label: [`${worldLabel}=${worldId}`] });
      const reply = await engine.send<readonly EngineNetwork[]>({
        method: 'GET',
        path: '/networks',
        query: { filters },
        signal,
      });
      if (!reply.ok) throw refusal('Networks could not be listed', reply.status, reply.message);
      return reply.body.map(({ Name }) => ({ name: Name, networkId: Name.slice(0, uuidLength) }));
    },
  };
}

/** What it says are words of its own or of Neutron's; none of them tells whether it will go on so. */
export const kuryrFailure = (attempt: string, said: string): TroupeError =>
  new TroupeError('NETWORK_ERROR', `${attempt}: Docker or Kuryr said: ${said}`, { retryable: true });

/** @throws TroupeError HOST_INCAPABLE for what a network of Kuryr's can't be made of */
function outlineOf(spec: PlugSpec): NetworkOutline {
  const { outline } = spec;
  if (!outline)
    throw new TroupeError(
      'HOST_INCAPABLE',
      `${attemptOf(spec)}: it was made before "network.kuryr" was set; create its container anew`,
    );
  const { ipv4, ipv6 } = familiesOf(outline.subnets);
  if (ipv4.length === 1 && ipv6.length <= 1) return outline;
  throw new TroupeError(
    'HOST_INCAPABLE',
    `${attemptOf(spec)}: it has addresses of ${ipv4.length} IPv4 and ${ipv6.length} IPv6 subnets; Docker networks of Kuryr have one IPv4 subnet, and one of IPv6 at most`,
  );
}

const familiesOf = (subnets: readonly Subnet[]) => ({
  ipv4: subnets.filter(({ cidr }) => familyOf(cidr) === 4),
  ipv6: subnets.filter(({ cidr }) => familyOf(cidr) === 6),
});

function nameOf({ networkId }: PlugSpec, { subnets }: NetworkOutline): string {
  hexOf(networkId);
  const short = subnets.map(({ subnetId }) => hexOf(subnetId).slice(0, shortLength)).toSorted();
  return [networkId, ...short].join('-');
}

function networkBody(
  { networkId, worldId }: PlugSpec,
  { isShared, subnets }: NetworkOutline,
  name: string,
  plugin: string,
  hostname: string,
): object {
  const { ipv4, ipv6 } = familiesOf(subnets);
  const mark = createHash('sha256').update(`${hostname}/${name}`).digest('hex').slice(0, shortLength);
  const markOf = ({ subnetId }: Subnet): string => `${subnetId}-${mark}`;
  const options = {
    // As Python writes it.
    'neutron.net.shared': isShared ? 'True' : 'False',
    ...Object.fromEntries(ipv4.map((subnet) => ['neutron.subnet.uuid', markOf(subnet)])),
    ...Object.fromEntries(ipv6.map((subnet) => ['neutron.subnet.v6.uuid', markOf(subnet)])),
  };
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: plugin,
    EnableIPv6: ipv6.length > 0,
    Labels: { [worldLabel]: worldId },
    Options: { 'neutron.net.uuid': networkId, ...options },
    IPAM: {
      Driver: plugin,
      Options: options,
      Config: [...ipv4, ...ipv6].map(({ cidr, gateway }) => ({
        Subnet: cidr,
        ...(gateway !== null && { Gateway: gateway }),
      })),
    },
  };
}
