/** What Zun's clients do to a container beside creating, starting, stopping and deleting it. @see zun-api 2.5, 2.7 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerAction } from '../../model/container-action.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { ContainerSpec, Limits } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import type { ContainerCommand } from '../../model/events.ts';
import { registryOf } from '../../model/image.ts';
import { callerOf } from '../request.ts';
import {
  createContainerAccess,
  graceOf,
  nothing,
  parametersOf,
  queryOf,
  targetOf,
  type ById,
  type Fields,
} from './container-access.ts';
import { cpuBounds, imageDriver, memoryBounds, nameLength, namePattern } from './create-body.ts';
import { flag, integer, number, text } from './body-fields.ts';
import { requireRoute } from './microversion.ts';
import { signalOf } from './signals.ts';
import { nameStoredImage, type ImageDesk } from './stored-images.ts';
import { invalidField, onlyKnown } from './values.ts';

export function containerActions(controlPlane: ControlPlane, environment: Environment, images: ImageDesk) {
  return async (app: FastifyInstance): Promise<void> => {
    const { ask, find, show } = createContainerAccess(controlPlane, environment);

    const act = async (
      request: FastifyRequest<ById>,
      reply: FastifyReply,
      verb: 'reboot' | 'pause' | 'unpause' | 'kill',
      known: readonly string[],
      commandOf: (asked: Fields) => ContainerCommand,
    ): Promise<FastifyReply> => {
      const asked = parametersOf(request);
      onlyKnown(asked, known);
      const view = find(request, request.params.id, `container:${verb}`);
      const command = commandOf(asked);
      await ask(request, view, verb, () => controlPlane.command(view.address, command, callerOf(request)));
      return nothing(reply);
    };

    app.post<ById>('/v1/containers/:id/reboot', (request, reply) =>
      act(request, reply, 'reboot', ['timeout'], (asked) => ({
        type: 'container.reboot',
        graceMs: graceOf(asked),
      })),
    );
    app.post<ById>('/v1/containers/:id/pause', (request, reply) =>
      act(request, reply, 'pause', [], () => ({ type: 'container.pause' })),
    );
    app.post<ById>('/v1/containers/:id/unpause', (request, reply) =>
      act(request, reply, 'unpause', [], () => ({ type: 'container.unpause' })),
    );
    app.post<ById>('/v1/containers/:id/kill', (request, reply) =>
      act(request, reply, 'kill', ['signal'], (asked) => ({
        type: 'container.kill',
        signal: signalOf(asked['signal']),
      })),
    );

    app.post<ById>('/v1/containers/:id/rebuild', async (request, reply) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['image', 'image_driver']);
      const image = given(asked['image']) ? text(asked, 'image', nameLength) : null;
      const view = find(request, request.params.id, 'container:rebuild');
      const driver = imageDriver(
        asked['image_driver'],
        image === null ? view.spec.imageDriver : images.driver,
      );
      if (image === null && driver !== view.spec.imageDriver)
        throw invalidField('image_driver', driver, 'It goes with an image, which is missing');
      const changes: Partial<ContainerSpec> =
        image === null
          ? {}
          : driver === 'glance'
            ? await nameStoredImage(request, images, image)
            : otherImage(controlPlane, view, image);
      const command = {
        type: 'container.rebuild',
        imagePullPolicy: changes.imagePullPolicy ?? view.spec.imagePullPolicy,
        graceMs: graceOf({}),
      } as const;
      await ask(request, view, 'rebuild', () =>
        controlPlane.command(view.address, command, callerOf(request), (spec) => ({ ...spec, ...changes })),
      );
      return nothing(reply);
    });

    /** A name, whether the site heals it, and limits, each in a turn of its own: the limits may be refused. */
    const update = async (
      request: FastifyRequest<ById>,
      verb: 'update' | 'resize_container' | 'rename',
      asked: Fields,
    ): Promise<Fields> => {
      const view = find(request, request.params.id, `container:${verb}`);
      const changes = changesOf(asked);
      const limits = limitsOf(asked);
      if (Object.keys(limits).length > 0)
        await ask(request, view, verb, () => controlPlane.resize(view.address, limits, callerOf(request)));
      if (Object.keys(changes).length > 0)
        await ask(request, view, verb, () =>
          controlPlane.command(view.address, { type: 'container.rename' }, callerOf(request), (spec) => ({
            ...spec,
            ...changes,
          })),
        );
      return show(request, controlPlane.container(null, view.id));
    };

    app.patch<ById>('/v1/containers/:id', (request) => {
      const asked = (request.body ?? {}) as Fields;
      onlyKnown(asked, ['cpu', 'memory', 'name', 'auto_heal']);
      return update(request, 'update', asked);
    });
    app.post<ById>('/v1/containers/:id/resize_container', async (request, reply) => {
      requireRoute(request.minor, 19);
      const asked = parametersOf(request);
      onlyKnown(asked, ['cpu', 'memory']);
      return reply.code(202).send(await update(request, 'resize_container', numbers(asked)));
    });
    app.post<ById>('/v1/containers/:id/rename', async (request) => {
      if (request.minor > 13) throw new TroupeError('NOT_ACCEPTABLE', '');
      const asked = parametersOf(request);
      onlyKnown(asked, ['name']);
      const view = find(request, request.params.id, 'container:rename');
      if (asked['name'] === undefined)
        throw new TroupeError('INVALID_INPUT', "'name' is a required property");
      if (asked['name'] === view.spec.name)
        throw new TroupeError('NAME_AMBIGUOUS', `The container is named "${view.spec.name}" already`);
      return update(request, 'rename', asked);
    });

    app.get<ById>('/v1/containers/:id/container_actions', async (request) => {
      onlyKnown(queryOf(request), []);
      const { address, id } = find(request, request.params.id, 'container:actions');
      const actions = await controlPlane.actions(address);
      return { containerActions: actions.map((action) => actionView(action, id)) };
    });
    app.get<{ Params: { id: string; request: string } }>(
      '/v1/containers/:id/container_actions/:request',
      async (request) => {
        onlyKnown(queryOf(request), []);
        const view = find(request, request.params.id, 'container:actions');
        const { address, id } = view;
        const isTraced = request.access.may('container:action:events', targetOf(view));
        const wanted = request.params.request;
        const action = (await controlPlane.actions(address)).find(({ requestId }) => requestId === wanted);
        if (!action) throw new TroupeError('NOT_FOUND', `The Action resource ${wanted} could not be found.`);
        return { ...actionView(action, id), events: [eventView(action, isTraced)] };
      },
    );
  };
}

const given = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && value !== 'None';

/**
 * What a rebuild of another image changes. Credentials go along as long as the image is of their registry.
 * @throws TroupeError INVALID_VALUE for one of the project's own that is on another host
 */
function otherImage(
  { images, registries }: ControlPlane,
  { tenant, hostId, hostname, spec }: ContainerView,
  image: string,
): Partial<ContainerSpec> {
  const { isGuarded, ...named } = registries.nameImage(
    tenant,
    image,
    registryFor(registries, tenant, spec, image),
  );
  const on = named.imageReference === null ? null : images.committedOn(tenant, named.imageReference);
  if (on !== null && hostId !== null && on !== hostId)
    throw new TroupeError(
      'INVALID_VALUE',
      `Image "${image}" is on another host than the container, which is on "${hostname ?? hostId}"`,
    );
  return {
    ...named,
    imageDriver: 'docker',
    stored: null,
    imagePullPolicy: isGuarded ? 'always' : spec.imagePullPolicy,
  };
}

function registryFor(
  registries: ControlPlane['registries'],
  tenant: string,
  { registryId }: ContainerSpec,
  image: string,
): string | null {
  const registry = registries.list(tenant).find(({ id }) => id === registryId);
  const domain = registryOf(image);
  return registry && (domain === null || domain === registry.domain) ? registry.id : null;
}

/** Numbers as a query spells them. */
const numbers = (asked: Fields): Fields =>
  Object.fromEntries(
    Object.entries(asked).map(([key, value]) => [
      key,
      typeof value === 'string' && value !== '' && !Number.isNaN(Number(value)) ? Number(value) : value,
    ]),
  );

/** @throws TroupeError INVALID_INPUT */
function limitsOf(asked: Fields): Partial<Limits> {
  const cpu = number(asked, 'cpu', cpuBounds);
  const memoryMib = integer(asked, 'memory', memoryBounds);
  return { ...(cpu === null ? {} : { cpu }), ...(memoryMib === null ? {} : { memoryMib }) };
}

/** @throws TroupeError INVALID_INPUT */
function changesOf(asked: Fields): Partial<Pick<ContainerSpec, 'name' | 'autoHeal'>> {
  const name = text(asked, 'name', nameLength, namePattern);
  return {
    ...(name === null ? {} : { name }),
    ...(given(asked['auto_heal']) ? { autoHeal: flag(asked, 'auto_heal', false) } : {}),
  };
}

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, without a zone, as Zun writes it. */
const zunTime = (epochMs: number | null): string | null =>
  epochMs === null ? null : new Date(epochMs).toISOString().replace('Z', '000');

const actionView = (action: ContainerAction, containerId: string): Fields => ({
  action: action.action,
  container_uuid: containerId,
  finish_time: zunTime(action.finishedAt),
  message: action.failed ? 'Error' : null,
  project_id: action.projectId,
  request_id: action.requestId,
  start_time: zunTime(action.startedAt),
  user_id: action.userId,
});

/** @param isTraced the caller may see how it failed */
const eventView = (action: ContainerAction, isTraced: boolean): Fields => ({
  event: `compute__do_container_${action.action}`,
  start_time: zunTime(action.startedAt),
  finish_time: zunTime(action.finishedAt),
  result: action.finishedAt === null ? null : action.failed ? 'Error' : 'Success',
  traceback: isTraced ? action.trace : null,
});
