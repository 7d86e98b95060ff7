/** `/v1/hosts`: Zun's view of the container hosts, by default for admins. @see zun-api 2.9 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { HostOperatorCommand } from '../../model/events.ts';
import type { HostDetail } from '../../model/host.ts';
import { callerOf } from '../request.ts';
import { text, type Body } from './body-fields.ts';
import { baseUrlOf } from './discovery.ts';
import { requireRoute } from './microversion.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { invalidField, onlyKnown } from './values.ts';

export function hostView(host: HostDetail, baseUrl: string | null): Record<string, unknown> {
  const { fingerprint, capacity, used } = host;
  return {
    uuid: host.id,
    ...(baseUrl === null
      ? {}
      : {
          links: [
            { href: `${baseUrl}/v1/hosts/${host.id}`, rel: 'self' },
            { href: `${baseUrl}/hosts/${host.id}`, rel: 'bookmark' },
          ],
        }),
    hostname: host.hostname,
    mem_total: capacity.memoryMib,
    mem_used: used.memoryMib,
    total_containers: used.containers,
    cpus: fingerprint?.cpus ?? 0,
    cpu_used: used.cpuMillis / 1000,
    architecture: fingerprint?.architecture ?? null,
    os_type: 'linux',
    os: fingerprint?.os ?? null,
    kernel_version: fingerprint?.kernelVersion ?? null,
    labels: host.labels,
    disk_total: capacity.diskGib,
    disk_used: used.diskGib,
    disk_quota_supported: false,
    runtimes: host.runtimes,
    enable_cpu_pinning: false,
    // What Zun keeps to itself.
    state: host.status,
    admission: host.admission,
    reason: host.reason,
    engine: fingerprint ? `${fingerprint.engine} ${fingerprint.engineVersion}` : null,
    engine_up: host.engineUp,
    availability_zone: host.availabilityZone,
    makes_networks: host.networks.able,
    networks_problem: host.networks.problem,
    neutron_host: host.networks.neutronHost ?? null,
    pools: host.pools.map(({ tenant, networks, ready }) => ({ project_id: tenant, networks, ready })),
    warm_memory_total: host.warmMemory.budgetMib,
    warm_memory_used: host.warmMemory.usedMib,
    since: new Date(host.since).toISOString(),
  };
}

const notFound = (host: string): TroupeError =>
  new TroupeError('HOST_NOT_FOUND', `Compute host ${host} could not be found.`);

const listing: Listing<HostDetail> = {
  id: ({ id }) => id,
  sortKeys: {
    uuid: ({ id }) => id,
    hostname: ({ hostname }) => hostname,
    mem_total: ({ capacity }) => capacity.memoryMib,
    mem_used: ({ used }) => used.memoryMib,
    total_containers: ({ used }) => used.containers,
    cpus: ({ fingerprint }) => fingerprint?.cpus ?? 0,
    cpu_used: ({ used }) => used.cpuMillis,
    state: ({ status }) => status,
  },
  notFound,
};

/** @throws TroupeError INVALID_INPUT */
function labelsOf(body: unknown): Readonly<Record<string, string | null>> {
  const rule = 'It must be an object of labels, each a string, or null to give the agent’s own back';
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalidField('labels', body, rule);
  for (const value of Object.values(body))
    if (value !== null && typeof value !== 'string') throw invalidField('labels', body, rule);
  return body as Readonly<Record<string, string | null>>;
}

const verbs = ['cordon', 'uncordon', 'drain', 'maintain', 'give_up'] as const;

export function hosts(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = (idOrName: string): HostDetail => {
      const found = controlPlane.hosts().find(({ id, hostname }) => id === idOrName || hostname === idOrName);
      if (!found) throw notFound(idOrName);
      return found;
    };
    app.get('/v1/hosts', (request) => {
      requireRoute(request.minor, 4);
      request.access.require('host:get_all', {});
      const query = request.query as Readonly<Record<string, unknown>>;
      onlyKnown(query, pagingParameters);
      const byName = controlPlane.hosts().toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1));
      const { items, next } = page(byName, query, listing);
      return {
        hosts: items.map((host) => hostView(host, null)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/hosts?${next}`,
      };
    });
    app.get<{ Params: { id: string } }>('/v1/hosts/:id', (request) => {
      requireRoute(request.minor, 4);
      request.access.require('host:get', {});
      return hostView(find(request.params.id), baseUrlOf(request));
    });
    const ask = async (
      request: FastifyRequest<{ Params: { id: string } }>,
      verb: string,
      command: HostOperatorCommand,
      code: 'INVALID_STATE' | 'INVALID_VALUE',
    ): Promise<void> => {
      const host = find(request.params.id);
      const { answer, reason } = await controlPlane.commandHost(host.id, command, callerOf(request));
      if (answer === 'refused')
        throw new TroupeError(
          code,
          `Cannot ${verb} host ${host.hostname}: ${reason ?? 'it is not possible now'}`,
        );
    };
    const commandOf = (verb: (typeof verbs)[number], body: Body): HostOperatorCommand =>
      verb === 'cordon'
        ? { type: 'host.cordon', reason: text(body, 'reason', { least: 1, most: 255 }) }
        : { type: verb === 'give_up' ? 'host.giveUp' : `host.${verb}` };
    for (const verb of verbs) {
      app.post<{ Params: { id: string } }>(`/v1/hosts/:id/${verb}`, async (request, reply) => {
        request.access.require(`host:${verb}`, {});
        const body = (request.body ?? {}) as Body;
        onlyKnown(body, verb === 'cordon' ? ['reason'] : []);
        await ask(request, verb, commandOf(verb, body), 'INVALID_STATE');
        return reply.code(202).type('application/json').send('null');
      });
    }
    app.delete<{ Params: { id: string } }>('/v1/hosts/:id', async (request, reply) => {
      request.access.require('host:remove', {});
      onlyKnown(request.query as Body, []);
      const host = find(request.params.id);
      const { answer, reason } = await controlPlane.removeHost(host.id, callerOf(request));
      if (answer === 'refused')
        throw new TroupeError('INVALID_STATE', `Cannot remove host ${host.hostname}: ${reason}`);
      return reply.code(204).send();
    });
    // Over the agent's own labels; null gives the agent's value back.
    app.patch<{ Params: { id: string } }>('/v1/hosts/:id/labels', async (request) => {
      request.access.require('host:label', {});
      await ask(request, 'label', { type: 'host.label', labels: labelsOf(request.body) }, 'INVALID_VALUE');
      return { labels: find(request.params.id).labels };
    });
  };
}
