/** `/v1/capsules`: containers that share a sandbox. @see zun-api 2.15 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { CapsuleView } from '../../model/capsule.ts';
import type { ContainerSpec, MountSpec } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import type { RuleName } from '../policy/rules.ts';
import { callerOf } from '../request.ts';
import type { VolumeWish } from './attachments.ts';
import { parseTemplate } from './capsule-template.ts';
import { capsuleView } from './capsule-view.ts';
import { withVolumes, type CinderDesk } from './cinder-desk.ts';
import { keyOf, queryOf, shownTo, targetOf, type ById, type Fields } from './container-access.ts';
import { allProjects } from './container-list.ts';
import { containerView } from './container-view.ts';
import { baseUrlOf } from './discovery.ts';
import type { NeutronDesk } from './neutron-desk.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { bearerOf, nameStoredImage, type ImageDesk } from './stored-images.ts';
import { onlyKnown, queryBoolean } from './values.ts';

export interface CapsulesOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  readonly images: ImageDesk;
  /** Null where networks are those of hosts. */
  readonly neutron: NeutronDesk | null;
  /** Null where volumes are those of hosts. */
  readonly cinder: CinderDesk | null;
}

const sortKeys: Listing<CapsuleView>['sortKeys'] = {
  uuid: ({ id }) => id,
  name: ({ spec }) => spec.name,
  project_id: ({ tenant }) => tenant,
  user_id: ({ spec }) => spec.userId,
  cpu: ({ spec }) => spec.cpu,
  memory: ({ spec }) => spec.memoryMib,
  status: ({ status }) => status,
  status_reason: ({ reason }) => reason,
  created_at: ({ createdAt }) => createdAt,
  updated_at: ({ updatedAt }) => updatedAt,
};

export function capsules({ controlPlane, environment, defaults, images, neutron, cinder }: CapsulesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = (request: FastifyRequest, id: string, rule: RuleName, everywhere: boolean): CapsuleView => {
      const { access, identity } = request;
      const view = controlPlane.capsules.find(access.isAdmin || everywhere ? null : identity.projectId, id);
      access.require(rule, targetOf(view));
      return view;
    };
    const show = (request: FastifyRequest, view: CapsuleView): Fields =>
      capsuleView(view, {
        showsHost: request.access.may('capsule:get:host', targetOf(view)),
        member: (each) =>
          containerView(each, { shows: shownTo(request, each), baseUrl: null }, environment.now()),
        baseUrl: baseUrlOf(request),
        minor: request.minor,
      });
    /** Without a word to those for whom it means nothing, as Zun has it. */
    const seesAll = (request: FastifyRequest): boolean =>
      queryBoolean('all_projects', queryOf(request)['all_projects'], false) &&
      request.access.may('capsule:get_all_all_projects');

    app.post('/v1/capsules', async (request, reply) => {
      request.access.require('capsule:create');
      onlyKnown(queryOf(request), []);
      const { projectId, userId } = request.identity;
      const idempotencyKey = keyOf(request);
      const seed = idempotencyKey === null ? environment.id() : `${projectId}/${idempotencyKey}`;
      const { template, volumes } = parseTemplate((request.body ?? {}) as Fields, {
        environment,
        may: request.access.may,
        userId,
        defaults,
        nameImage: (image) => controlPlane.registries.nameImage(projectId, image, null),
        local: controlPlane.local,
        tenant: projectId,
        neutron: neutron !== null,
        cinder: cinder !== null,
        seed,
      });
      // A template names no driver: its images are where the site's are.
      const withImages = (specs: readonly ContainerSpec[]): Promise<readonly ContainerSpec[]> =>
        Promise.all(
          specs.map(async (spec) =>
            images.driver === 'glance'
              ? { ...spec, ...(await nameStoredImage(request, images, spec.image)) }
              : spec,
          ),
        );
      const asking = { tenant: projectId, may: request.access.may };
      // Of its first, since they are all on the capsule's.
      const networks = (await neutron?.requests(asking, [], [])) ?? [];
      const [first, ...others] = await withImages(template.containers);
      const initContainers = await withImages(template.initContainers);
      const view = await withVolumes(
        cinder && (() => cinder.mounts(volumes, seed, bearerOf(request))),
        (mounts) => {
          const mounted = (spec: ContainerSpec): ContainerSpec =>
            mounts ? { ...spec, mounts: spec.mounts.map((each) => ofCinder(each, volumes, mounts)) } : spec;
          return controlPlane.capsules.create({
            caller: callerOf(request),
            template: {
              ...template,
              initContainers: initContainers.map(mounted),
              containers: [{ ...first!, networks }, ...others].map(mounted),
            },
            idempotencyKey,
          });
        },
      );
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/capsules/${view.id}`);
      return show(request, view);
    });

    app.get('/v1/capsules', (request) => {
      request.access.require('capsule:get_all');
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, 'all_projects']);
      const { items, next } = page(
        controlPlane.capsules.list(seesAll(request) ? null : request.identity.projectId),
        query,
        {
          id: ({ id }) => id,
          // Not shown to everybody, so not everybody may sort by it.
          sortKeys: request.access.may('capsule:get:host')
            ? { ...sortKeys, host: ({ hostname }) => hostname }
            : sortKeys,
          notFound: (marker) => new TroupeError('CAPSULE_NOT_FOUND', `Capsule ${marker} could not be found.`),
        },
      );
      return {
        capsules: items.map((view) => show(request, view)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/capsules?${next}`,
      };
    });

    app.get<ById>('/v1/capsules/:id', (request) => {
      onlyKnown(queryOf(request), ['all_projects']);
      const all = allProjects(request, 'capsule:get_one_all_projects');
      return show(request, find(request, request.params.id, 'capsule:get', all));
    });

    app.delete<ById>('/v1/capsules/:id', async (request, reply) => {
      onlyKnown(queryOf(request), ['all_projects']);
      const all = allProjects(request, 'capsule:delete_all_projects');
      const view = find(request, request.params.id, 'capsule:delete', all);
      await controlPlane.capsules.delete(view, callerOf(request));
      return reply.code(204).send();
    });
  };
}

/** What a template calls a volume, as the volume that Cinder has. */
function ofCinder(
  { volumeId: name, destination, readOnly }: MountSpec,
  wishes: readonly VolumeWish[],
  mounts: readonly MountSpec[],
): MountSpec {
  return { ...mounts[wishes.findIndex((wish) => wish.name === name)]!, destination, readOnly };
}
