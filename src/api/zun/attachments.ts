/** `nets`, `mounts` and `exposed_ports` of a create's body. @see zun-api 3.6, 3.7 */
import { posix } from 'node:path';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerSpec } from '../../model/container.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { ExposedPort, NetworkRequest, PublishedPort } from '../../model/network.ts';
import { contains, familyOf, isAddress } from '../../model/subnet.ts';
import { flag, integer, object, text, type Body } from './body-fields.ts';
import { integerIn, invalidField } from './values.ts';

export interface AttachmentsContext {
  readonly local: ControlPlane['local'];
  readonly tenant: string;
  /** The same for a request that is sent again: names what is made for the container. */
  readonly seed: string;
  /** Networks, and what lets others in, are Neutron's: they are asked for there. */
  readonly neutron: boolean;
  /** Volumes are Cinder's: they are asked for there. */
  readonly cinder: boolean;
}

export type Attachments = Pick<ContainerSpec, 'networks' | 'published' | 'mounts' | 'files'>;

/** Gibibytes. */
export const volumeBounds = { least: 1, most: 16_383 };

const words = { least: 1, most: 255 };
const contentMost = 1024 * 1024;
const networksMost = 8;

/** @throws TroupeError INVALID_INPUT, INVALID_VALUE for what is not there, NAME_IN_USE for an address that somebody has */
export function parseAttachments(body: Body, context: AttachmentsContext): Attachments {
  if (!context.neutron)
    return { networks: nets(body, context), published: exposed(body), ...mounts(body, context) };
  return { networks: [], published: [], ...mounts(body, context) };
}

function listOf(body: Body, key: string): readonly Body[] {
  const value = body[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidField(key, value, 'It must be a list');
  for (const each of value)
    if (typeof each !== 'object' || each === null || Array.isArray(each))
      throw invalidField(key, each, 'It must be a list of objects');
  return value as readonly Body[];
}

const onlyKeys = (key: string, given: Body, known: readonly string[]): void => {
  const unknown = Object.keys(given).find((each) => !known.includes(each));
  if (unknown !== undefined) throw invalidField(key, unknown, `Known are: ${known.join(', ')}`);
};

/** What it names is looked for in the caller's project. @throws TroupeError INVALID_VALUE naming it */
export function networkRequest(
  { local, tenant }: Pick<AttachmentsContext, 'local' | 'tenant'>,
  name: string,
  fixedAddress: string | null,
): NetworkRequest {
  const network = found(() => local.network(tenant, name));
  if (fixedAddress !== null) {
    if (!isAddress(fixedAddress) || familyOf(fixedAddress) !== 4)
      throw new TroupeError('INVALID_VALUE', `"${fixedAddress}" is not an IPv4 address`);
    if (network.subnet !== null && !contains(network.subnet, fixedAddress))
      throw new TroupeError(
        'INVALID_VALUE',
        `"${fixedAddress}" is not in network "${network.name}" (${network.subnet})`,
      );
    const holder = local.holderOf(tenant, network.id, fixedAddress);
    if (holder !== null || fixedAddress === network.gateway)
      throw new TroupeError(
        'NAME_IN_USE',
        `"${fixedAddress}" is in use on network "${network.name}" by ${holder === null ? 'its gateway' : `container "${holder}"`}`,
        { details: { address: fixedAddress, container: holder } },
      );
  }
  return { networkId: network.id, isDefault: network.isDefault, fixedAddress };
}

/** What a create names and isn't there is the request's fault, not the path's. */
export function found<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (error instanceof TroupeError && error.kind === 'not-found')
      throw new TroupeError('INVALID_VALUE', error.message);
    throw error;
  }
}

function nets(body: Body, context: AttachmentsContext): readonly NetworkRequest[] {
  const requests = listOf(body, 'nets').map((net) => {
    onlyKeys('nets', net, ['network', 'port', 'v4-fixed-ip', 'v6-fixed-ip']);
    if (net['port'] !== undefined)
      throw new TroupeError(
        'INVALID_VALUE',
        "This site has no Neutron, so there are no ports to ask for ('nets')",
      );
    if (net['v6-fixed-ip'] !== undefined && net['v6-fixed-ip'] !== '')
      throw new TroupeError('INVALID_VALUE', "Local networks give no IPv6 addresses ('v6-fixed-ip')");
    const name = text(net, 'network', words);
    if (name === null) throw invalidField('nets', net, 'Each must name a network');
    const fixed = net['v4-fixed-ip'] === '' ? null : text(net, 'v4-fixed-ip', words);
    return networkRequest(context, name, fixed);
  });
  const ids = requests.map(({ networkId }) => networkId);
  if (new Set(ids).size < ids.length)
    throw new TroupeError('INVALID_VALUE', "A network is named twice in 'nets'; name each once");
  if (ids.length > networksMost)
    throw new TroupeError('INVALID_VALUE', `A container has ${networksMost} networks at most`);
  return requests;
}

/** `{"80/tcp": {}}`; `host_port` is an extension: without it, or with 0, the same number where that is free, else another. */
function exposed(body: Body): readonly PublishedPort[] {
  const key = 'exposed_ports';
  return Object.entries(object(body, key) ?? {}).map(([name, value]) => {
    const [, digits, protocol = 'tcp'] = /^(\d+)(?:\/(tcp|udp))?$/.exec(name) ?? [];
    const port = integerIn(digits);
    if (port === null || port < 1 || port > 65_535)
      throw invalidField(key, name, 'It must be a port such as 80/tcp');
    const options = object({ [name]: value }, name, ['host_port']) ?? {};
    const hostPort = integer(options, 'host_port', { least: 0, most: 65_535 }) ?? 0;
    return { protocol: protocol as PublishedPort['protocol'], containerPort: port, hostPort };
  });
}

/** `exposed_ports` where networks are Neutron's: no port of a host's stands for them. @throws TroupeError INVALID_INPUT, INVALID_VALUE */
export function exposedAtContainer(body: Body): readonly ExposedPort[] {
  const ports = exposed(body);
  if (ports.some(({ hostPort }) => hostPort !== 0))
    throw new TroupeError(
      'INVALID_VALUE',
      "On a network of Neutron a container is reached at its own address, so its ports have no 'host_port'; leave it out",
    );
  const groups = body['security_groups'];
  if (ports.length > 0 && Array.isArray(groups) && groups.length > 0)
    throw new TroupeError(
      'INVALID_VALUE',
      "'exposed_ports' makes a security group for the container, so 'security_groups' can't be named beside it; leave one of them out",
    );
  return ports.map(({ protocol, containerPort }) => ({ protocol, containerPort }));
}

/** A volume that a request wants mounted. */
export interface VolumeWish {
  /** Tells those of a request apart: where it stands in it, or what it is called there. */
  readonly name: string;
  /** By name or id; null = one is to be made. */
  readonly source: string | null;
  readonly sizeGib: number | null;
  /** Of one that is made: it stays when who mounts it goes. */
  readonly isKept: boolean;
  /** Absolute. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** `mounts` of a create's body, before anybody is asked for them. @throws TroupeError INVALID_INPUT, INVALID_VALUE */
export function mountWishes(body: Body): {
  readonly volumes: readonly VolumeWish[];
  readonly files: ContainerSpec['files'];
} {
  const wishes: { volumes: VolumeWish[]; files: ContainerSpec['files'][number][] } = {
    volumes: [],
    files: [],
  };
  const destinations = new Set<string>();
  for (const [index, mount] of listOf(body, 'mounts').entries()) {
    onlyKeys('mounts', mount, ['type', 'source', 'size', 'destination', 'read_only']);
    const destination = text(mount, 'destination', { least: 1, most: 4096 });
    if (destination === null || !isPlace(destination))
      throw invalidField('mounts', destination, 'destination must be an absolute path, in its shortest form');
    if (destinations.has(destination))
      throw new TroupeError('INVALID_VALUE', `"${destination}" is the destination of two mounts`);
    destinations.add(destination);
    const type = mount['type'] ?? 'volume';
    const readOnly = flag(mount, 'read_only', false);
    if (type === 'bind') {
      const content = text(mount, 'source', { least: 0, most: contentMost });
      if (content === null || Buffer.from(content, 'base64').toString('base64') !== content)
        throw invalidField('mounts', '***', 'source of a bind must be the content of a file, as base64');
      wishes.files.push({ destination, content });
    } else if (type === 'volume') {
      const source = mount['source'] === '' ? null : text(mount, 'source', words);
      const sizeGib = mount['size'] === '' ? null : integer(mount, 'size', volumeBounds);
      wishes.volumes.push({ name: `${index}`, source, sizeGib, isKept: false, destination, readOnly });
    } else throw invalidField('mounts', type, 'type must be volume or bind');
  }
  return wishes;
}

/** Volumes of hosts; those of Cinder come from its desk. */
function mounts(
  body: Body,
  { local, tenant, seed, cinder }: AttachmentsContext,
): Pick<Attachments, 'mounts' | 'files'> {
  const { volumes, files } = mountWishes(body);
  if (cinder) return { mounts: [], files };
  return {
    mounts: volumes.map(({ name, source, sizeGib, destination, readOnly }) =>
      source === null
        ? { volumeId: namedUuid(`volume/${seed}/${name}`), made: { sizeGib }, destination, readOnly }
        : { volumeId: found(() => local.volume(tenant, source)).id, made: null, destination, readOnly },
    ),
    files,
  };
}

/** Where something may be mounted. */
export const isPlace = (path: string): boolean =>
  posix.isAbsolute(path) && posix.normalize(path) === path && path !== '/' && !path.endsWith('/');
