/** `/v1/volumes`: volumes of hosts, by name: an extension, for sites without Cinder. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane, VolumeView } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { isAdmin } from '../auth/identity.ts';
import { callerOf } from '../request.ts';
import { volumeBounds } from './attachments.ts';
import { integer, text } from './body-fields.ts';
import { queryOf, type ById, type Fields } from './container-access.ts';
import { allProjects } from './container-list.ts';
import { nameLength, namePattern } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { onlyKnown } from './values.ts';

const volumeView = (view: VolumeView, isAdministrator: boolean): Fields => ({
  uuid: view.id,
  name: view.name,
  project_id: view.tenant,
  status: view.status,
  status_reason: view.reason,
  size: view.sizeGib,
  ephemeral: view.isEphemeral,
  attached: view.attached,
  ...(isAdministrator ? { host: view.hostname } : {}),
  created_at: new Date(view.createdAt).toISOString(),
});

const listing: Listing<VolumeView> = {
  id: ({ id }) => id,
  sortKeys: { uuid: ({ id }) => id, name: ({ name }) => name },
  notFound: (id) => new TroupeError('VOLUME_NOT_FOUND', `The volume "${id}" could not be found`),
};

export function volumes({ local }: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = (request: FastifyRequest, id: string): VolumeView =>
      local.volume(isAdmin(request.identity) ? null : request.identity.projectId, id);

    app.get('/v1/volumes', (request) => {
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, 'all_projects']);
      const all = local.volumes(
        allProjects(request, 'volume:get_all_all_projects') ? null : request.identity.projectId,
      );
      const { items, next } = page(all, query, listing);
      return {
        volumes: items.map((view) => volumeView(view, isAdmin(request.identity))),
        next: next === null ? null : `${baseUrlOf(request)}/v1/volumes?${next}`,
      };
    });
    app.get<ById>('/v1/volumes/:id', (request) => {
      onlyKnown(queryOf(request), []);
      return volumeView(find(request, request.params.id), isAdmin(request.identity));
    });
    app.post('/v1/volumes', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      const body = (request.body ?? {}) as Fields;
      onlyKnown(body, ['name', 'size', 'host']);
      const name = text(body, 'name', nameLength, namePattern);
      if (name === null) throw new TroupeError('INVALID_INPUT', "'name' is a required property");
      const asked = {
        name,
        sizeGib: integer(body, 'size', volumeBounds),
        host: text(body, 'host', nameLength),
      };
      const made = await local.createVolume(request.identity.projectId, asked, callerOf(request));
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/volumes/${made.id}`);
      return volumeView(made, isAdmin(request.identity));
    });
    app.delete<ById>('/v1/volumes/:id', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      const volume = find(request, request.params.id);
      const { answer, reason } = await local.deleteVolume(volume, callerOf(request));
      if (answer === 'refused')
        throw new TroupeError(
          'VOLUME_IN_USE',
          `Volume "${volume.name ?? volume.id}" can't be deleted: ${reason ?? 'it is in use'}`,
        );
      return reply.code(204).send();
    });
  };
}
