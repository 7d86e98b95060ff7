/** `/v1/containers`: Zun's verbs over the actors' facade. Each handler takes validated input, asks, and answers a view. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { Environment } from '../../model/environment.ts';
import type { ContainerCommand } from '../../model/events.ts';
import { callerOf } from '../request.ts';
import { exposedAtContainer, mountWishes } from './attachments.ts';
import { withVolumes, type CinderDesk } from './cinder-desk.ts';
import {
  createContainerAccess,
  graceOf,
  keyOf,
  nothing,
  parametersOf,
  queryOf,
  shownToCaller,
  type ById,
  type Fields,
} from './container-access.ts';
import { allProjects, listContainers } from './container-list.ts';
import { containerLogs } from './container-logs.ts';
import { createContainerTexts } from './container-texts.ts';
import { parseCreateBody } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { list } from './body-fields.ts';
import { exposing, netWishes, type NeutronDesk } from './neutron-desk.ts';
import { requireVersion } from './microversion.ts';
import { generateName } from './names.ts';
import { bearerOf, nameStoredImage, type ImageDesk } from './stored-images.ts';
import { onlyKnown, queryBoolean } from './values.ts';

export interface ContainersOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  readonly images: ImageDesk;
  /** Null where networks are those of hosts. */
  readonly neutron: NeutronDesk | null;
  /** Null where volumes are those of hosts. */
  readonly cinder: CinderDesk | null;
}

export function containers({
  controlPlane,
  environment,
  defaults,
  images,
  neutron,
  cinder,
}: ContainersOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    const { ask, find, show } = createContainerAccess(controlPlane, environment);
    const act = async (
      request: FastifyRequest,
      view: ContainerView,
      verb: string,
      command: ContainerCommand,
    ): Promise<void> => {
      await ask(request, view, verb, () => controlPlane.command(view.address, command, callerOf(request)));
    };

    app.post('/v1/containers', async (request, reply) => {
      request.access.require('container:create');
      onlyKnown(queryOf(request), ['run']);
      const run = queryBoolean('run', queryOf(request)['run'], false);
      const idempotencyKey = keyOf(request);
      const body = (request.body ?? {}) as Fields;
      const seed =
        idempotencyKey === null ? environment.id() : `${request.identity.projectId}/${idempotencyKey}`;
      const asked = parseCreateBody(body, {
        minor: request.minor,
        may: request.access.may,
        userId: request.identity.userId,
        generatedName: generateName(environment, 'container'),
        defaults,
        imageDriver: images.driver,
        nameImage: (image, registry) =>
          controlPlane.registries.nameImage(request.identity.projectId, image, registry),
        attachments: {
          local: controlPlane.local,
          tenant: request.identity.projectId,
          seed,
          neutron: neutron !== null,
          cinder: cinder !== null,
        },
      });
      const asking = { tenant: request.identity.projectId, may: request.access.may };
      const spec = {
        ...asked,
        ...(asked.imageDriver === 'glance' && (await nameStoredImage(request, images, asked.image))),
        ...(neutron && {
          networks: exposing(
            await neutron.requests(asking, netWishes(body), list(body, 'security_groups') ?? []),
            exposedAtContainer(body),
          ),
        }),
      };
      const view = await withVolumes(
        cinder && (() => cinder.mounts(mountWishes(body).volumes, seed, bearerOf(request))),
        (mounts) =>
          controlPlane.createContainer({
            caller: callerOf(request),
            spec: { ...spec, mounts: mounts ?? spec.mounts },
            run,
            idempotencyKey,
            nameGenerated: body['name'] === undefined || body['name'] === null,
          }),
      );
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/containers/${view.id}`);
      return show(request, view);
    });

    const textsOf = createContainerTexts();
    app.get('/v1/containers', (request, reply) => {
      const { items, next } = listContainers(controlPlane, request);
      const link = next === null ? null : `${baseUrlOf(request)}/v1/containers?${next}`;
      const containers = textsOf(items, shownToCaller(request), environment.now());
      const [before, after] = ['{"containers":', `,"next":${JSON.stringify(link)}}`];
      return reply
        .type('application/json')
        .send(Buffer.concat([Buffer.from(before), containers, Buffer.from(after)]));
    });

    app.get<ById>('/v1/containers/:id', (request) => {
      onlyKnown(queryOf(request), ['all_projects']);
      const all = allProjects(request, 'container:get_one_all_projects');
      return show(request, find(request, request.params.id, 'container:get_one', all));
    });

    app.delete<ById>('/v1/containers/:id', async (request, reply) => {
      const asked = queryOf(request);
      onlyKnown(asked, ['force', 'stop', 'all_projects', 'timeout']);
      const force = queryBoolean('force', asked['force'], false);
      const stop = queryBoolean('stop', asked['stop'], false);
      if (force) requireVersion('force', request.minor, 7);
      if (stop) requireVersion('stop', request.minor, 12);
      const all = allProjects(request, 'container:delete_all_projects');
      const mode = stop ? 'stop' : force ? 'force' : 'ifStopped';
      const verb = stop ? 'delete_after_stop' : force ? 'delete_force' : 'delete';
      const graceMs = graceOf(asked);
      const rule = force ? 'container:delete_force' : 'container:delete';
      const view = find(request, request.params.id, rule, all);
      await act(request, view, verb, { type: 'container.delete', mode, graceMs });
      return reply.code(204).send();
    });

    app.post<ById>('/v1/containers/:id/start', async (request, reply) => {
      onlyKnown(parametersOf(request), []);
      const view = find(request, request.params.id, 'container:start');
      await act(request, view, 'start', { type: 'container.start' });
      return nothing(reply);
    });

    app.post<ById>('/v1/containers/:id/stop', async (request, reply) => {
      onlyKnown(parametersOf(request), ['timeout']);
      const graceMs = graceOf(parametersOf(request));
      const view = find(request, request.params.id, 'container:stop');
      await act(request, view, 'stop', { type: 'container.stop', graceMs });
      return nothing(reply);
    });

    app.get<ById>('/v1/containers/:id/logs', (request, reply) =>
      containerLogs(controlPlane, find(request, request.params.id, 'container:logs'), request, reply),
    );
  };
}
