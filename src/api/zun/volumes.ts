/** `/v1/volumes`: volumes of hosts, by name: an extension, for sites without Cinder. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { RuleName } from '../policy/rules.ts';
import { callerOf } from '../request.ts';
import { volumeBounds } from './attachments.ts';
import { integer, text } from './body-fields.ts';
import { queryOf, type ById, type Fields } from './container-access.ts';
import { allProjects } from './container-list.ts';
import { nameLength, namePattern } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { onlyKnown } from './values.ts';
import type { VolumeView } from '../../model/volume-view.ts';

const volumeView = ({ access }: FastifyRequest, view: VolumeView): Fields => ({
  uuid: view.id,
  name: view.name,
  project_id: view.tenant,
  status: view.status,
  status_reason: view.reason,
  size: view.sizeGib,
  ephemeral: view.isEphemeral,
  attached: view.attached,
  ...(access.may('volume:get_one:host', { project_id: view.tenant }) ? { host: view.hostname } : {}),
  created_at: new Date(view.createdAt).toISOString(),
});

const listing: Listing<VolumeView> = {
  id: ({ id }) => id,
  sortKeys: { uuid: ({ id }) => id, name: ({ name }) => name },
  notFound: (id) => new TroupeError('VOLUME_NOT_FOUND', `The volume "${id}" could not be found`),
};

export function volumes({ local }: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = ({ access, identity }: FastifyRequest, id: string, rule: RuleName): VolumeView => {
      const found = local.volume(access.isAdmin ? null : identity.projectId, id);
      access.require(rule, { project_id: found.tenant });
      return found;
    };

    app.get('/v1/volumes', (request) => {
      request.access.require('volume:get_all');
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, 'all_projects']);
      const all = local.volumes(
        allProjects(request, 'volume:get_all_all_projects') ? null : request.identity.projectId,
      );
      const { items, next } = page(all, query, listing);
      return {
        volumes: items.map((view) => volumeView(request, view)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/volumes?${next}`,
      };
    });
    app.get<ById>('/v1/volumes/:id', (request) => {
      onlyKnown(queryOf(request), []);
      return volumeView(request, find(request, request.params.id, 'volume:get_one'));
    });
    app.post('/v1/volumes', async (request, reply) => {
      request.access.require('volume:create');
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
      return volumeView(request, made);
    });
    app.delete<ById>('/v1/volumes/:id', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      const volume = find(request, request.params.id, 'volume:delete');
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
