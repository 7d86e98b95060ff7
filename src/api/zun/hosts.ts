/** `/v1/hosts`: Zun's view of the container hosts, for admins. @see zun-api 2.9 */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane, HostDetail } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { callerOf } from '../request.ts';
import { requireAdmin } from '../policy.ts';
import { baseUrlOf } from './discovery.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { onlyKnown } from './values.ts';

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

export function hosts(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = (idOrName: string): HostDetail => {
      const found = controlPlane.hosts().find(({ id, hostname }) => id === idOrName || hostname === idOrName);
      if (!found) throw notFound(idOrName);
      return found;
    };
    app.get('/v1/hosts', (request) => {
      requireAdmin(request, 'host:get_all', 4);
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
      requireAdmin(request, 'host:get', 4);
      return hostView(find(request.params.id), baseUrlOf(request));
    });
    for (const verb of ['cordon', 'uncordon'] as const) {
      app.post<{ Params: { id: string } }>(`/v1/hosts/:id/${verb}`, async (request, reply) => {
        requireAdmin(request, `host:${verb}`, 1);
        const host = find(request.params.id);
        const { answer, reason } = await controlPlane.commandHost(
          host.id,
          { type: `host.${verb}` },
          callerOf(request),
        );
        if (answer === 'refused')
          throw new TroupeError(
            'INVALID_STATE',
            `Cannot ${verb} host ${host.hostname}: ${reason ?? 'it is not possible now'}`,
          );
        return reply.code(202).type('application/json').send('null');
      });
    }
  };
}
