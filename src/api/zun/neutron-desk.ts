/**
 * What people call networks, ports and security groups of Neutron, and what
 * that comes to in requests of sandboxes. Neutron is asked by Troupe's own
 * user, who sees all: what a project may see is looked at here. A foreign
 * thing is not there. @see zun-api 3.6
 */
import { TroupeError } from '../../errors/errors.ts';
import type { ExposedPort, NetworkRequest } from '../../model/network.ts';
import type { Neutron, NeutronNetwork, NeutronPort } from '../../model/neutron.ts';
import { contains, familyOf, isAddress } from '../../model/subnet.ts';
import { isUuid } from '../../model/uuid.ts';
import type { Access } from '../policy/policy.ts';
import { text, type Body } from './body-fields.ts';
import { invalidField } from './values.ts';

/** Who asks: for whose project, and what the caller may. */
export interface Asking {
  readonly tenant: string;
  readonly may: Access['may'];
  /** Looks at what others have, too. Default no. */
  readonly everywhere?: boolean;
}

export interface NetWish {
  /** By name or id; exactly one of network and port. */
  readonly network: string | null;
  readonly port: string | null;
  readonly v4: string | null;
  readonly v6: string | null;
}

export interface NeutronDesk {
  /** Those the project may attach containers to, its own first, the oldest first. */
  networks(asking: Asking): Promise<readonly NeutronNetwork[]>;
  /** @throws TroupeError NETWORK_NOT_FOUND, NAME_AMBIGUOUS */
  network(asking: Asking, idOrName: string): Promise<NeutronNetwork>;
  /** Of `nets`; without any, the project's own network, or one that is shared. @throws TroupeError NO_NETWORK, and as `request` */
  requests(
    asking: Asking,
    wishes: readonly NetWish[],
    securityGroups: readonly string[],
  ): Promise<readonly NetworkRequest[]>;
  /** By name or id; none = the project's default. @throws TroupeError SECURITY_GROUP_NOT_FOUND, NAME_AMBIGUOUS */
  securityGroups(asking: Asking, names: readonly string[]): Promise<readonly string[]>;
  /**
   * @param securityGroups ids
   * @throws TroupeError NETWORK_NOT_FOUND, PORT_NOT_FOUND, PORT_IN_USE, PORT_NOT_USABLE, EXTERNAL_NETWORK, NAME_IN_USE, INVALID_VALUE
   */
  request(asking: Asking, wish: NetWish, securityGroups: readonly string[]): Promise<NetworkRequest>;
}

const words = { least: 1, most: 255 };
const networksMost = 8;
/** A port in one of these states is somebody's, or nobody's to use. */
const unusable: ReadonlySet<string> = new Set(['ACTIVE', 'BUILD', 'ERROR']);

/** `nets` of a create's body. @throws TroupeError INVALID_INPUT, INVALID_VALUE */
export function netWishes(body: Body): readonly NetWish[] {
  const { nets } = body;
  if (nets === undefined || nets === null) return [];
  if (!Array.isArray(nets)) throw invalidField('nets', nets, 'It must be a list');
  if (nets.length > networksMost)
    throw new TroupeError('INVALID_VALUE', `A container has ${networksMost} networks at most`);
  return nets.map((net: unknown) => {
    if (typeof net !== 'object' || net === null || Array.isArray(net))
      throw invalidField('nets', net, 'It must be a list of objects');
    const known = ['network', 'port', 'v4-fixed-ip', 'v6-fixed-ip', 'preserve_on_delete'];
    const unknown = Object.keys(net).find((each) => !known.includes(each));
    if (unknown !== undefined) throw invalidField('nets', unknown, `Known are: ${known.join(', ')}`);
    const given = net as Body;
    const wish = {
      network: filled(given, 'network'),
      port: filled(given, 'port'),
      v4: filled(given, 'v4-fixed-ip'),
      v6: filled(given, 'v6-fixed-ip'),
    };
    checkWish(wish);
    return wish;
  });
}

/** @throws TroupeError INVALID_VALUE */
export function checkWish({ network, port, v4, v6 }: NetWish): void {
  if ((network === null) === (port === null))
    throw new TroupeError('INVALID_VALUE', "Name either a network or a port, for each of 'nets'");
  if (port !== null && (v4 !== null || v6 !== null))
    throw new TroupeError('INVALID_VALUE', 'A port has its addresses already; leave the fixed ones out');
  for (const [address, family] of [
    [v4, 4],
    [v6, 6],
  ] as const)
    if (address !== null && !(isAddress(address) && familyOf(address) === family))
      throw new TroupeError('INVALID_VALUE', `"${address}" is not an IPv${family} address`);
}

/** Clients send what they were not given as empty text. */
const filled = (body: Body, key: string): string | null => (body[key] === '' ? null : text(body, key, words));

/** The same with ports that are let in, by a group of the container's own. A port of the user's own keeps its groups. */
export const exposing = (
  requests: readonly NetworkRequest[],
  exposed: readonly ExposedPort[],
): readonly NetworkRequest[] =>
  exposed.length === 0
    ? requests
    : requests.map((each) =>
        each.neutron?.portId === null
          ? { ...each, neutron: { ...each.neutron, securityGroups: [], exposed } }
          : each,
      );

export function createNeutronDesk(neutron: Neutron): NeutronDesk {
  const missing = (name: string): TroupeError =>
    new TroupeError('NETWORK_NOT_FOUND', `Neutron network ${name} could not be found.`);

  const isOpenTo =
    (tenant: string, others: ReadonlySet<string>) =>
    ({ id, projectId, isShared, isExternal }: NeutronNetwork): boolean =>
      projectId === tenant || isShared || isExternal || others.has(id);

  const shownOf = async (
    { tenant, everywhere = false }: Asking,
    found: readonly NeutronNetwork[],
  ): Promise<readonly NeutronNetwork[]> => {
    if (everywhere) return found;
    // What others let this project use is asked for only where it matters.
    const isPlain = found.every(isOpenTo(tenant, new Set()));
    const others = isPlain ? [] : await neutron.networksSharedWith(tenant);
    return found.filter(isOpenTo(tenant, new Set(others)));
  };

  const network = async (asking: Asking, idOrName: string): Promise<NeutronNetwork> => {
    const found = await neutron.networks(isUuid(idOrName) ? { id: idOrName } : { name: idOrName });
    const shown = await shownOf(asking, found);
    // The project's own before those of others of the same name.
    const own = shown.filter(({ projectId }) => projectId === asking.tenant);
    const [first, ...others] = own.length > 0 ? own : shown;
    if (others.length > 0)
      throw new TroupeError('NAME_AMBIGUOUS', `Several networks are called "${idOrName}"; use the id`);
    if (!first) throw missing(idOrName);
    return first;
  };

  const networks = async ({ tenant, everywhere }: Asking): Promise<readonly NeutronNetwork[]> => {
    const byAge = (a: NeutronNetwork, b: NeutronNetwork): number =>
      a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : 1;
    if (everywhere) return [...(await neutron.networks({}))].sort(byAge);
    const [own, shared, others] = await Promise.all([
      neutron.networks({ projectId: tenant }),
      neutron.networks({ shared: true }),
      neutron.networksSharedWith(tenant),
    ]);
    const foreign = await Promise.all(others.map((id) => neutron.networks({ id })));
    const all = [...[...own].sort(byAge), ...[...shared, ...foreign.flat()].sort(byAge)];
    return all.filter(({ id }, index) => all.findIndex((each) => each.id === id) === index);
  };

  const port = async ({ tenant }: Asking, idOrName: string): Promise<NeutronPort> => {
    const found = await neutron.ports({
      projectId: tenant,
      ...(isUuid(idOrName) ? { id: [idOrName] } : { name: idOrName }),
    });
    const [first, ...others] = found;
    if (others.length > 0)
      throw new TroupeError('NAME_AMBIGUOUS', `Several ports are called "${idOrName}"; use the id`);
    if (!first) throw new TroupeError('PORT_NOT_FOUND', `Neutron port ${idOrName} could not be found.`);
    if (first.deviceId !== '')
      throw new TroupeError('PORT_IN_USE', `Port "${idOrName}" is in use by "${first.deviceId}"`);
    if (unusable.has(first.status))
      throw new TroupeError('PORT_NOT_USABLE', `Port "${idOrName}" is ${first.status}; it must be DOWN`);
    return first;
  };

  /** What is looked at before anything is begun; Neutron itself has the last word. */
  const checkAddresses = async (of: NeutronNetwork, addresses: readonly string[]): Promise<void> => {
    if (addresses.length === 0) return;
    const subnets = await neutron.subnets(of.id);
    for (const address of addresses) {
      if (!subnets.some(({ cidr }) => contains(cidr, address)))
        throw new TroupeError(
          'INVALID_VALUE',
          `"${address}" is in no subnet of network "${of.name}" (${subnets.map(({ cidr }) => cidr).join(', ') || 'it has none'})`,
        );
      const [holder] = await neutron.ports({ networkId: of.id, address });
      if (holder)
        throw new TroupeError(
          'NAME_IN_USE',
          `"${address}" is in use on network "${of.name}" by port "${holder.id}"`,
          { details: { address, port: holder.id } },
        );
    }
  };

  const request: NeutronDesk['request'] = async (asking, wish, securityGroups) => {
    if (wish.port !== null) {
      const { id, networkId } = await port(asking, wish.port);
      return {
        networkId,
        isDefault: false,
        fixedAddress: null,
        neutron: { portId: id, fixedAddress6: null, securityGroups: [] },
      };
    }
    const of = await network(asking, wish.network ?? '');
    if (of.isExternal && !of.isShared && !asking.may('network:attach_external_network'))
      throw new TroupeError(
        'EXTERNAL_NETWORK',
        `Network "${of.name}" leads outside; the policy network:attach_external_network says who may attach to it`,
      );
    const { v4, v6 } = wish;
    await checkAddresses(
      of,
      [v4, v6].flatMap((each) => each ?? []),
    );
    return {
      networkId: of.id,
      isDefault: false,
      fixedAddress: v4,
      neutron: { portId: null, fixedAddress6: v6, securityGroups },
    };
  };

  const securityGroups: NeutronDesk['securityGroups'] = async ({ tenant }, names) => {
    const all = await neutron.securityGroups(tenant);
    const idOf = (name: string): string => {
      const found = all.find(({ id }) => id === name);
      const named = found ? [found] : all.filter((each) => each.name === name);
      if (named.length > 1)
        throw new TroupeError('NAME_AMBIGUOUS', `Several security groups are called "${name}"; use the id`);
      if (!named[0])
        throw new TroupeError(
          'SECURITY_GROUP_NOT_FOUND',
          `Neutron security group ${name} could not be found.`,
        );
      return named[0].id;
    };
    return [...new Set((names.length > 0 ? names : ['default']).map(idOf))];
  };

  return {
    networks,
    network,
    securityGroups,
    request,
    async requests(asking, wishes, names) {
      const isPortMade = wishes.length === 0 || wishes.some(({ network: each }) => each !== null);
      const groups = isPortMade ? await securityGroups(asking, names) : [];
      if (wishes.length === 0) {
        const first = (await networks(asking)).find(({ isExternal }) => !isExternal);
        if (!first)
          throw new TroupeError(
            'NO_NETWORK',
            'There is no neutron network available; make one, or name one in nets',
          );
        return [
          {
            networkId: first.id,
            isDefault: false,
            fixedAddress: null,
            neutron: { portId: null, fixedAddress6: null, securityGroups: groups },
          },
        ];
      }
      const found = await Promise.all(wishes.map((wish) => request(asking, wish, groups)));
      if (new Set(found.map(({ networkId }) => networkId)).size < found.length)
        throw new TroupeError('INVALID_VALUE', "A network is named twice in 'nets'; name each once");
      return found;
    },
  };
}
