/**
 * Carriers: containers that only wait, one for each port that Kuryr plugs. Docker
 * gives the port's MAC, which Neutron won't have changed once the port is bound,
 * only to the network that a container is made for (until Docker 25), and names
 * interfaces and chooses the default route itself. So the port comes to its host
 * in a carrier, and its interface goes on from there into the sandbox.
 *
 * A carrier that runs is Kuryr's endpoint; with it both ends of the port go.
 */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import { familyOf } from '../../model/subnet.ts';
import type { DockerEngine } from '../runtime/docker-engine.ts';
import { createRefusal, refusal } from '../runtime/docker-errors.ts';
import { inspect, removeByEngineId } from '../runtime/docker-find.ts';
import { worldLabel } from '../runtime/docker-labels.ts';
import { imageReference, minimum } from '../runtime/docker-sandboxes.ts';
import { kuryrFailure } from './kuryr-networks.ts';
import { hexOf } from './link-names.ts';
import type { PlugSpec, PortIdentity } from './network-driver.ts';
import { attemptOf } from './port-pair.ts';

const portIdLabel = 'troupe.port-id';
const networkIdLabel = 'troupe.network-id';

export interface Carrier {
  readonly engineId: string;
  readonly worldId: string;
  readonly portId: string;
  readonly networkId: string;
  /** Docker's network that it is on, by name. */
  readonly network: string;
  readonly isRunning: boolean;
}

export interface KuryrCarriers {
  /** @throws TroupeError NAME_IN_USE for a container of its name that isn't its */
  find(identity: PortIdentity, signal: AbortSignal): Promise<Carrier | null>;
  /** Of all worlds. */
  list(signal: AbortSignal): Promise<readonly Carrier[]>;
  /** One that is there is replaced. @returns the path of its namespace @throws TroupeError NETWORK_ERROR */
  make(spec: PlugSpec, network: string, signal: AbortSignal): Promise<string>;
  remove(carrier: Carrier, signal: AbortSignal): Promise<void>;
}

export function kuryrCarriers(engine: DockerEngine): KuryrCarriers {
  const carriers: KuryrCarriers = {
    async find({ worldId, portId }, signal) {
      const name = nameOf(portId);
      const info = await inspect(engine, name, signal);
      if (!info) return null;
      const carrier = toCarrier(info.Id, info.Config.Labels, info.HostConfig.NetworkMode, info.State.Running);
      if (carrier?.worldId === worldId && carrier.portId === portId) return carrier;
      throw new TroupeError(
        'NAME_IN_USE',
        `The container "${name}" of this engine is not of the port "${portId}"; remove it`,
      );
    },
    async list(signal) {
      const reply = await engine.send<readonly Docker.ContainerInfo[]>({
        method: 'GET',
        path: '/containers/json',
        query: { all: '1', filters: JSON.stringify({ label: [portIdLabel] }) },
        signal,
      });
      if (!reply.ok) throw refusal('Containers could not be listed', reply.status, reply.message);
      return reply.body.flatMap(
        ({ Id, Labels, HostConfig, State }) =>
          toCarrier(Id, Labels, HostConfig.NetworkMode, State === 'running') ?? [],
      );
    },
    async make(spec, network, signal) {
      const left = await carriers.find(spec, signal);
      if (left) await carriers.remove(left, signal);
      const image = await imageReference(engine, signal);
      const created = await engine.send<{ Id: string }>({
        method: 'POST',
        path: '/containers/create',
        query: { name: nameOf(spec.portId) },
        body: carrierBody(spec, network, image),
        signal,
      });
      if (!created.ok) throw createRefusal(image, created.status, created.message);
      const { Id: engineId } = created.body;
      const started = await engine.send({ method: 'POST', path: `/containers/${engineId}/start`, signal });
      if (!started.ok) throw kuryrFailure(attemptOf(spec), started.message);
      const pid = (await inspect(engine, engineId, signal))?.State.Pid ?? 0;
      if (pid === 0) throw kuryrFailure(attemptOf(spec), 'its carrier ended as soon as it was started');
      return `/proc/${pid}/ns/net`;
    },
    remove: ({ engineId }, signal) => removeByEngineId(engine, engineId, signal),
  };
  return carriers;
}

function nameOf(portId: string): string {
  hexOf(portId);
  return `troupe-port-${portId}`;
}

function toCarrier(
  engineId: string,
  labels: Readonly<Record<string, string>> | null | undefined,
  network: string | undefined,
  isRunning: boolean,
): Carrier | null {
  const worldId = labels?.[worldLabel];
  const portId = labels?.[portIdLabel];
  const networkId = labels?.[networkIdLabel];
  if (!worldId || !portId || !networkId || !network) return null;
  return { engineId, worldId, portId, networkId, network, isRunning };
}

/** Kuryr finds the port by its first address of each family. */
function carrierBody(
  { worldId, portId, networkId, mac, addresses }: PlugSpec,
  network: string,
  image: string,
): Docker.ContainerCreateOptions {
  const first = (family: 4 | 6): string | undefined =>
    addresses.find((address) => familyOf(address) === family)?.replace(/\/.*/, '');
  const [ipv4, ipv6] = [first(4), first(6)];
  return {
    Image: image,
    ...minimum,
    Labels: { [worldLabel]: worldId, [portIdLabel]: portId, [networkIdLabel]: networkId },
    // Engines before 25 read it here, those after it below.
    MacAddress: mac,
    HostConfig: { ...minimum.HostConfig, NetworkMode: network },
    NetworkingConfig: {
      EndpointsConfig: {
        [network]: {
          MacAddress: mac,
          IPAMConfig: { ...(ipv4 && { IPv4Address: ipv4 }), ...(ipv6 && { IPv6Address: ipv6 }) },
        },
      },
    },
  };
}
