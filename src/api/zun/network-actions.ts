/** Networks of a container: attached and detached while it lives, and listed. @see zun-api 2.7 */
import type { FastifyInstance } from 'fastify';
import type { ContainerView, ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import { callerOf } from '../request.ts';
import { networkRequest } from './attachments.ts';
import { text } from './body-fields.ts';
import { createContainerAccess, parametersOf, queryOf, type ById } from './container-access.ts';
import { requireRoute } from './microversion.ts';
import { onlyKnown } from './values.ts';

const words = { least: 1, most: 255 };

export function networkActions(controlPlane: ControlPlane, environment: Environment) {
  return async (app: FastifyInstance): Promise<void> => {
    const { ask, find } = createContainerAccess(controlPlane, environment);
    const isOn = ({ ports }: ContainerView, networkId: string): boolean =>
      ports.some(({ network }) => network.networkId === networkId);

    app.post<ById>('/v1/containers/:id/network_attach', async (request, reply) => {
      requireRoute(request.minor, 8);
      const asked = parametersOf(request);
      onlyKnown(asked, ['network', 'fixed_ip', 'port']);
      if (asked['port'] !== undefined)
        throw new TroupeError('INVALID_VALUE', 'This site has no Neutron, so there are no ports to attach');
      const name = text(asked, 'network', words);
      if (name === null) throw new TroupeError('INVALID_VALUE', 'Name the network to attach');
      const view = find(request, request.params.id, 'container:network_attach');
      const { local } = controlPlane;
      const wanted = networkRequest({ local, tenant: view.tenant }, name, text(asked, 'fixed_ip', words));
      if (isOn(view, wanted.networkId))
        throw new TroupeError(
          'INVALID_VALUE',
          `Container ${view.id} is attached to network "${name}" already`,
        );
      const { hostId, hostname } = local.network(view.tenant, wanted.networkId);
      if (view.hostId !== null && hostId !== view.hostId)
        throw new TroupeError(
          'INVALID_VALUE',
          `Network "${name}" is on host "${hostname ?? hostId}", the container on "${view.hostname ?? view.hostId}"`,
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
      const id = view.ports.some(({ network, portId }) => network.networkId === given || portId === given)
        ? given
        : (controlPlane.local.networks(view.tenant).find(({ name }) => name === given)?.id ?? null);
      const port = view.ports.find(({ network, portId }) => network.networkId === id || portId === id);
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

    app.get<ById>('/v1/containers/:id/network_list', (request) => {
      requireRoute(request.minor, 13);
      onlyKnown(queryOf(request), []);
      const { ports } = find(request, request.params.id, 'container:network_list');
      return {
        networks: ports.map(({ portId, network: { networkId }, address }) =>
          request.minor >= 18
            ? {
                net_id: networkId,
                port_id: portId,
                fixed_ips: [{ subnet_id: networkId, version: 4, ip_address: address }],
              }
            : { net_id: networkId, subnet_id: networkId, port_id: portId, version: 4, ip_address: address },
        ),
      };
    });
  };
}
