/** Volumes of a container: attached and detached while it lives, and listed. Extensions, modelled on what Zun does with networks. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { MountPlace, MountSpec } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import { callerOf } from '../request.ts';
import { found, isPlace } from './attachments.ts';
import { flag, text } from './body-fields.ts';
import type { CinderDesk } from './cinder-desk.ts';
import {
  createContainerAccess,
  nothing,
  parametersOf,
  queryOf,
  type ById,
  type Fields,
} from './container-access.ts';
import { bearerOf } from './stored-images.ts';
import { onlyKnown } from './values.ts';

const words = { least: 1, most: 255 };
const pathLength = { least: 1, most: 4096 };

/** @param cinder null where volumes are those of hosts */
export function volumeActions(
  controlPlane: ControlPlane,
  environment: Environment,
  cinder: CinderDesk | null,
) {
  const { local } = controlPlane;

  const nameIn = (asked: Fields): string => {
    const name = text(asked, 'volume', words);
    if (name === null) throw new TroupeError('INVALID_VALUE', 'Name the volume');
    return name;
  };

  /** @throws TroupeError INVALID_VALUE */
  const placeIn = (asked: Fields, { spec, mounts }: ContainerView): MountPlace => {
    const destination = text(asked, 'path', pathLength);
    if (destination === null || !isPlace(destination))
      throw new TroupeError(
        'INVALID_VALUE',
        `'path' must be an absolute path in the container, in its shortest form, such as /data`,
      );
    if ([...mounts, ...spec.files].some((each) => each.destination === destination))
      throw new TroupeError('INVALID_VALUE', `Something is mounted at "${destination}" in it already`);
    return { destination, readOnly: flag(asked, 'read_only', false) };
  };

  /** @throws TroupeError INVALID_VALUE */
  const localMount = ({ tenant, ...view }: ContainerView, name: string, place: MountPlace): MountSpec => {
    const { id, hostId, hostname } = found(() => local.volume(tenant, name));
    if (view.hostId !== null && hostId !== view.hostId)
      throw new TroupeError(
        'INVALID_VALUE',
        `Volume "${name}" is on host "${hostname ?? hostId}", the container on "${view.hostname ?? view.hostId}"`,
      );
    return { volumeId: id, made: null, ...place };
  };

  /** @throws TroupeError, what `CinderDesk.mounts` throws */
  const cinderMount = async (
    desk: CinderDesk,
    request: FastifyRequest,
    { id }: ContainerView,
    source: string,
    place: MountPlace,
  ): Promise<MountSpec> => {
    const wish = { name: source, source, sizeGib: null, isKept: true, ...place };
    // Each attachment is one of its own, also of the same volume later.
    const { mounts } = await desk.mounts([wish], `${id}/${environment.id()}`, bearerOf(request));
    return mounts[0]!;
  };

  /** Null where it has no such volume. */
  const mountNamed = async (
    request: FastifyRequest,
    { tenant, mounts }: ContainerView,
    name: string,
  ): Promise<ContainerView['mounts'][number] | null> => {
    const isMeant = (id: string | undefined) =>
      mounts.find(({ volumeId, cinderId }) => cinderId === id || volumeId === id) ?? null;
    const direct = isMeant(name);
    if (direct) return direct;
    if (cinder) return isMeant(await cinder.find(name, bearerOf(request)));
    return isMeant(local.volumes(tenant).find((each) => each.name === name)?.id);
  };

  return async (app: FastifyInstance): Promise<void> => {
    const { ask, find } = createContainerAccess(controlPlane, environment);

    app.post<ById>('/v1/containers/:id/volume_attach', async (request, reply) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['volume', 'path', 'read_only']);
      const view = find(request, request.params.id, 'container:volume_attach');
      const [name, place] = [nameIn(asked), placeIn(asked, view)];
      const mount = cinder
        ? await cinderMount(cinder, request, view, name, place)
        : localMount(view, name, place);
      const cinderId = mount.made?.cinder?.volumeId ?? null;
      if (
        view.mounts.some(
          (each) => each.volumeId === mount.volumeId || (cinderId !== null && each.cinderId === cinderId),
        )
      )
        throw new TroupeError('INVALID_VALUE', `Container "${view.spec.name}" has volume "${name}" already`);
      const command = { type: 'container.attachVolume', mount } as const;
      await ask(request, view, 'volume_attach', () =>
        controlPlane.command(view.address, command, callerOf(request)),
      );
      return nothing(reply);
    });

    app.post<ById>('/v1/containers/:id/volume_detach', async (request, reply) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['volume']);
      const view = find(request, request.params.id, 'container:volume_detach');
      const name = nameIn(asked);
      const mount = await mountNamed(request, view, name);
      if (!mount)
        throw new TroupeError(
          'INVALID_VALUE',
          `Volume "${name}" is not attached to container "${view.spec.name}"`,
        );
      const command = { type: 'container.detachVolume', volumeId: mount.volumeId } as const;
      await ask(request, view, 'volume_detach', () =>
        controlPlane.command(view.address, command, callerOf(request)),
      );
      return nothing(reply);
    });

    app.get<ById>('/v1/containers/:id/volume_list', (request) => {
      onlyKnown(queryOf(request), []);
      const { mounts } = find(request, request.params.id, 'container:volume_list');
      return {
        volumes: mounts.map(({ volumeId, cinderId, destination, readOnly, status }) => ({
          volume_id: cinderId ?? volumeId,
          path: destination,
          read_only: readOnly,
          status,
        })),
      };
    });
  };
}
