/** Networks of a container: attached and detached while it lives, and listed. @see zun-api 2.7 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerView } from '../../model/container-view.ts';
import { placesOf, type NetworkRequest } from '../../model/network.ts';
import type { Environment } from '../../model/environment.ts';
import { callerOf } from '../request.ts';
import { networkRequest } from './attachments.ts';
import { text } from './body-fields.ts';
import { createContainerAccess, parametersOf, queryOf, type ById, type Fields } from './container-access.ts';
import { requireRoute } from './microversion.ts';
import { checkWish, type NeutronDesk } from './neutron-desk.ts';
import { onlyKnown } from './values.ts';

const words = { least: 1, most: 255 };

/** @param neutron null where networks are those of hosts */
export function networkActions(
  controlPlane: ControlPlane,
  environment: Environment,
  neutron: NeutronDesk | null,
) {
  const { local } = controlPlane;

  /** @throws TroupeError INVALID_VALUE, and what `networkRequest` throws */
  const localRequest = (view: ContainerView, asked: Fields): NetworkRequest => {
    if (asked['port'] !== undefined)
      throw new TroupeError(
        'INVALID_VALUE',
        'This site has no Neutron, so there are no ports to attach; name a network',
      );
    const name = text(asked, 'network', words);
    if (name === null) throw new TroupeError('INVALID_VALUE', 'Name the network to attach');
    const wanted = networkRequest({ local, tenant: view.tenant }, name, text(asked, 'fixed_ip', words));
    const { hostId, hostname } = local.network(view.tenant, wanted.networkId);
    if (view.hostId !== null && hostId !== view.hostId)
      throw new TroupeError(
        'INVALID_VALUE',
        `Network "${name}" is on host "${hostname ?? hostId}", the container on "${view.hostname ?? view.hostId}"`,
      );
    return wanted;
  };

  /** In the security groups that it has already. @throws TroupeError INVALID_VALUE, and what `NeutronDesk.request` throws */
  const neutronRequest = async (
    desk: NeutronDesk,
    { access }: FastifyRequest,
    { tenant, ports }: ContainerView,
    asked: Fields,
  ): Promise<NetworkRequest> => {
    const fixed = text(asked, 'fixed_ip', words);
    const isV6 = fixed?.includes(':') ?? false;
    const wish = {
      network: text(asked, 'network', words),
      port: text(asked, 'port', words),
      v4: isV6 ? null : fixed,
      v6: isV6 ? fixed : null,
    };
    checkWish(wish);
    const asking = { tenant, may: access.may };
    const own = ports.flatMap(({ neutron: bound }) => (bound && !bound.isUsers ? bound.securityGroups : []));
    const groups = wish.port === null ? await desk.securityGroups(asking, [...new Set(own)]) : [];
    return desk.request(asking, wish, groups);
  };

  /** Null where it is not attached. */
  const portNamed = async (
    request: FastifyRequest,
    view: ContainerView,
    given: string,
  ): Promise<ContainerView['ports'][number] | null> => {
    const isMeant = (id: string) =>
      view.ports.find(({ network, portId }) => network.networkId === id || portId === id) ?? null;
    const direct = isMeant(given);
    if (direct) return direct;
    if (!neutron) {
      const named = local.networks(view.tenant).find(({ name }) => name === given);
      return named ? isMeant(named.id) : null;
    }
    const asking = { tenant: view.tenant, may: request.access.may };
    const named = await neutron.network(asking, given).catch((error: unknown) => {
      if (error instanceof TroupeError && error.kind === 'not-found') return null;
      throw error;
    });
    return named ? isMeant(named.id) : null;
  };

  return async (app: FastifyInstance): Promise<void> => {
    const { ask, find } = createContainerAccess(controlPlane, environment);
    const isOn = ({ ports }: ContainerView, networkId: string): boolean =>
      ports.some(({ network }) => network.networkId === networkId);

    app.post<ById>('/v1/containers/:id/network_attach', async (request, reply) => {
      requireRoute(request.minor, 8);
      const asked = parametersOf(request);
      onlyKnown(asked, ['network', 'fixed_ip', 'port']);
      const view = find(request, request.params.id, 'container:network_attach');
      const wanted = neutron
        ? await neutronRequest(neutron, request, view, asked)
        : localRequest(view, asked);
      if (isOn(view, wanted.networkId))
        throw new TroupeError(
          'INVALID_VALUE',
          `Container ${view.id} is attached to network "${text(asked, 'network', words) ?? wanted.networkId}" already`,
        );
      const command = { type: 'container.attachNetwork', request: wanted } as const;
      await ask(request, view, 'network_attach', () =>
        controlPlane.command(view.address, command, callerOf(request)),
      );
      return reply.code(200).type('application/json').send('null');
    });

    app.post<ById>('/v1/containers/:id/network_detach', async (request, reply) => {
      requireRoute(request.minor, 6);
      const asked = queryOf(request);
      onlyKnown(asked, ['network', 'port']);
      const view = find(request, request.params.id, 'container:network_detach');
      const given = text(asked, 'network', words) ?? text(asked, 'port', words);
      const port = given === null ? null : await portNamed(request, view, given);
      if (!port)
        throw new TroupeError(
          'INVALID_VALUE',
          `Network '${given ?? ''}' is not attached to container '${view.spec.name}'.`,
        );
      const command = { type: 'container.detachNetwork', networkId: port.network.networkId } as const;
      await ask(request, view, 'network_detach', () =>
        controlPlane.command(view.address, command, callerOf(request)),
      );
      return reply.code(202).type('application/json').send('null');
    });

    const regroup = (verb: 'add_security_group' | 'remove_security_group') =>
      app.post<ById>(`/v1/containers/:id/${verb}`, async (request, reply) => {
        // Zun has left these to Neutron since.
        if (request.minor > 14) throw new TroupeError('NOT_ACCEPTABLE', '');
        const asked = parametersOf(request);
        onlyKnown(asked, ['name']);
        const name = text(asked, 'name', words);
        if (name === null) throw new TroupeError('INVALID_VALUE', 'Name the security group');
        const view = find(request, request.params.id, `container:${verb}`);
        if (!neutron)
          throw new TroupeError(
            'INVALID_VALUE',
            'Containers of this site are on networks of their hosts, which have no security groups; they have where network.driver is "neutron"',
          );
        const asking = { tenant: view.tenant, may: request.access.may };
        const [groupId = ''] = await neutron.securityGroups(asking, [name]);
        const isIn = view.ports.some(({ neutron: bound }) => bound?.securityGroups.includes(groupId));
        if (isIn === (verb === 'add_security_group'))
          throw new TroupeError(
            'INVALID_VALUE',
            `Security group ${name} is ${isIn ? 'already' : 'not'} associated with container ${view.id}`,
          );
        const type =
          verb === 'add_security_group' ? 'container.addSecurityGroup' : 'container.removeSecurityGroup';
        await ask(request, view, verb, () =>
          controlPlane.command(view.address, { type, groupId }, callerOf(request)),
        );
        return reply.code(202).type('application/json').send('null');
      });
    regroup('add_security_group');
    regroup('remove_security_group');

    app.get<ById>('/v1/containers/:id/network_list', (request) => {
      requireRoute(request.minor, 13);
      onlyKnown(queryOf(request), []);
      const { ports } = find(request, request.params.id, 'container:network_list');
      return {
        networks: ports.flatMap((port): readonly Fields[] => {
          const of = { net_id: port.network.networkId, port_id: port.portId };
          const fixed = placesOf(port).map(({ address, version, subnetId }) => ({
            subnet_id: subnetId,
            version,
            ip_address: address,
          }));
          return request.minor >= 18
            ? [{ ...of, fixed_ips: fixed }]
            : fixed.map((each) => ({ ...of, ...each }));
        }),
      };
    });
  };
}
