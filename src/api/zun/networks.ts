/**
 * `/v1/networks`: local networks, by name, or, where the site has Neutron, those
 * of the cloud that the project may use. Zun has a POST and a DELETE for
 * Docker's side of Neutron networks only; the rest is an extension.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { NetworkView } from '../../model/network-view.ts';
import type { NeutronNetwork } from '../../model/neutron.ts';
import { isSubnet, narrowestPrefix, parseSubnet, widestPrefix } from '../../model/subnet.ts';
import type { RuleName } from '../policy/rules.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { queryOf, type ById, type Fields } from './container-access.ts';
import { allProjects } from './container-list.ts';
import { nameLength, namePattern } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import type { Asking, NeutronDesk } from './neutron-desk.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { invalidField, onlyKnown } from './values.ts';

const networkView = ({ access }: FastifyRequest, view: NetworkView): Fields => ({
  uuid: view.id,
  name: view.name,
  project_id: view.tenant,
  network_id: view.id,
  neutron_net_id: null,
  // What Zun keeps to itself.
  status: view.status,
  status_reason: view.reason,
  subnet: view.subnet,
  gateway: view.gateway,
  mtu: view.mtu,
  default: view.isDefault,
  ports: view.ports,
  ...(access.may('network:get_one:host', { project_id: view.tenant }) ? { host: view.hostname } : {}),
  created_at: new Date(view.createdAt).toISOString(),
});

const listing = <T extends { readonly id: string; readonly name: string }>(): Listing<T> => ({
  id: ({ id }) => id,
  sortKeys: { uuid: ({ id }) => id, name: ({ name }) => name },
  notFound: (id) => new TroupeError('NETWORK_NOT_FOUND', `The network "${id}" could not be found`),
});

/** The same fields; what a host would say of it is null. */
const cloudView = ({ id, name, projectId, status, mtu, createdAt }: NeutronNetwork): Fields => ({
  uuid: id,
  name,
  project_id: projectId,
  network_id: id,
  neutron_net_id: id,
  status: status.toLowerCase(),
  status_reason: null,
  subnet: null,
  gateway: null,
  mtu,
  default: false,
  ports: null,
  created_at: createdAt,
});

/** Made and deleted at Neutron: nothing of theirs is kept here but sandboxes that wait on them. */
function cloudNetworks({ local }: ControlPlane, desk: NeutronDesk) {
  return async (app: FastifyInstance): Promise<void> => {
    const askingOf = ({ access, identity }: FastifyRequest): Asking => ({
      tenant: identity.projectId,
      may: access.may,
      everywhere: access.isAdmin,
    });
    app.get('/v1/networks', async (request) => {
      request.access.require('network:get_all');
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, 'all_projects']);
      const everywhere = allProjects(request, 'network:get_all_all_projects');
      const all = await desk.networks({ ...askingOf(request), everywhere });
      const { items, next } = page(all, query, listing<NeutronNetwork>());
      return {
        networks: items.map(cloudView),
        next: next === null ? null : `${baseUrlOf(request)}/v1/networks?${next}`,
      };
    });
    app.get<ById>('/v1/networks/:id', async (request) => {
      onlyKnown(queryOf(request), []);
      request.access.require('network:get_one', { project_id: request.identity.projectId });
      return cloudView(await desk.network(askingOf(request), request.params.id));
    });
    app.post('/v1/networks', async (request) => {
      request.access.require('network:create');
      onlyKnown(queryOf(request), []);
      const body = (request.body ?? {}) as Fields;
      onlyKnown(body, ['name', 'subnet', 'host', 'neutron_net_id']);
      const id = text(body, 'neutron_net_id', { least: 1, most: 255 });
      const name = text(body, 'name', nameLength);
      if (id === null)
        throw new TroupeError(
          'INVALID_VALUE',
          "Networks of this site are Neutron's: make it there (openstack network create) and name it here by 'neutron_net_id'",
        );
      if (name === null) throw new TroupeError('INVALID_INPUT', "'name' is a required property");
      // It is called what Neutron calls it: nothing is kept here under another name.
      const network = await desk.network(askingOf(request), id);
      return { ...cloudView(network), user_id: request.identity.userId };
    });
    app.delete<ById>('/v1/networks/:id', async (request, reply) => {
      if (request.minor < 27) throw new TroupeError('NOT_ACCEPTABLE', '');
      onlyKnown(queryOf(request), []);
      request.access.require('network:delete');
      const { id } = await desk.network(askingOf(request), request.params.id);
      await local.flush(null, id, callerOf(request));
      return reply.code(204).send();
    });
  };
}

/** @param desk null where networks are those of hosts */
export function networks(controlPlane: ControlPlane, desk: NeutronDesk | null) {
  return async (app: FastifyInstance): Promise<void> => {
    await app.register(pools(controlPlane));
    await app.register(desk ? cloudNetworks(controlPlane, desk) : localNetworks(controlPlane));
  };
}

function pools({ local }: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.delete('/v1/pools', async (request) => {
      request.access.require('pool:flush');
      onlyKnown(queryOf(request), ['all_projects']);
      const tenant = allProjects(request, 'pool:flush_all_projects') ? null : request.identity.projectId;
      return { flushed: await local.flush(tenant, null, callerOf(request)) };
    });
  };
}

function localNetworks({ local }: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = ({ access, identity }: FastifyRequest, id: string, rule: RuleName): NetworkView => {
      const found = local.network(access.isAdmin ? null : identity.projectId, id);
      access.require(rule, { project_id: found.tenant });
      return found;
    };

    app.get('/v1/networks', (request) => {
      request.access.require('network:get_all');
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, 'all_projects']);
      const all = local.networks(
        allProjects(request, 'network:get_all_all_projects') ? null : request.identity.projectId,
      );
      const { items, next } = page(all, query, listing<NetworkView>());
      return {
        networks: items.map((view) => networkView(request, view)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/networks?${next}`,
      };
    });
    app.get<ById>('/v1/networks/:id', (request) => {
      onlyKnown(queryOf(request), []);
      return networkView(request, find(request, request.params.id, 'network:get_one'));
    });
    app.post('/v1/networks', async (request, reply) => {
      request.access.require('network:create_local');
      onlyKnown(queryOf(request), []);
      const body = (request.body ?? {}) as Fields;
      onlyKnown(body, ['name', 'subnet', 'host', 'neutron_net_id']);
      if (body['neutron_net_id'] !== undefined && body['neutron_net_id'] !== null)
        throw new TroupeError(
          'INVALID_VALUE',
          "This site has no Neutron, so there is no network to take over ('neutron_net_id'); leave it out",
        );
      const name = text(body, 'name', nameLength, namePattern);
      if (name === null) throw new TroupeError('INVALID_INPUT', "'name' is a required property");
      const asked = { name, subnet: subnetOf(body), host: text(body, 'host', nameLength) };
      const made = await local.createNetwork(request.identity.projectId, asked, callerOf(request));
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/networks/${made.id}`);
      return networkView(request, made);
    });
    app.delete<ById>('/v1/networks/:id', async (request, reply) => {
      if (request.minor < 27) throw new TroupeError('NOT_ACCEPTABLE', '');
      onlyKnown(queryOf(request), []);
      const network = find(request, request.params.id, 'network:delete_local');
      const { answer, reason } = await local.deleteNetwork(network, callerOf(request));
      if (answer === 'refused')
        throw new TroupeError(
          'NETWORK_IN_USE',
          `Network "${network.name}" can't be deleted: ${reason ?? 'it is in use'}`,
        );
      return reply.code(204).send();
    });
  };
}

/** @throws TroupeError INVALID_INPUT */
function subnetOf(body: Fields): string | null {
  const subnet = text(body, 'subnet', { least: 1, most: 18 });
  if (subnet === null) return null;
  const rule = `It must be an IPv4 subnet from /${widestPrefix} to /${narrowestPrefix}, such as 10.1.2.0/24`;
  if (!isSubnet(subnet) || subnet.includes(':')) throw invalidField('subnet', subnet, rule);
  const { prefix } = parseSubnet(subnet);
  if (prefix < widestPrefix || prefix > narrowestPrefix) throw invalidField('subnet', subnet, rule);
  return subnet;
}
