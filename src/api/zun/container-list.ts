/** `GET /v1/containers`: whose, which, in which order. @see zun-api 2.3 */
import type { FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { RuleName } from '../policy/rules.ts';
import { page, pagingParameters, type Listing, type Page } from './paging.ts';
import { onlyKnown, queryBoolean } from './values.ts';
import type { ContainerView } from '../../model/container-view.ts';

type Fields = Readonly<Record<string, unknown>>;
type Column = Listing<ContainerView>['sortKeys'][string];

/** Equality filters. */
const filters = {
  name: ({ spec }) => spec.name,
  image: ({ spec }) => spec.image,
  project_id: ({ tenant }) => tenant,
  user_id: ({ spec }) => spec.userId,
  memory: ({ spec }) => spec.memoryMib,
  host: ({ hostname }) => hostname,
  task_state: ({ taskState }) => taskState,
  status: ({ status }) => status,
  auto_remove: ({ spec }) => spec.autoRemove,
} as const satisfies Record<string, Column>;

const sortKeys: Readonly<Record<string, Column>> = {
  uuid: ({ id }) => id,
  ...filters,
  cpu: ({ spec }) => spec.cpu,
  disk: ({ spec }) => spec.diskGib,
  status_reason: ({ reason }) => reason,
  hostname: ({ spec, observation }) => spec.hostname ?? observation?.hostname ?? null,
  interactive: ({ spec }) => spec.interactive,
  tty: ({ spec }) => spec.tty,
  runtime: ({ spec }) => spec.runtime,
  created_at: ({ createdAt }) => createdAt,
  updated_at: ({ updatedAt }) => updatedAt,
};

/** Not shown to everybody, so not everybody may sort by it. */
const guarded: Readonly<Record<string, RuleName>> = {
  host: 'container:get_one:host',
  runtime: 'container:get_one:runtime',
};

/** @throws TroupeError INVALID_VALUE, INVALID_INPUT, FORBIDDEN, CONTAINER_NOT_FOUND for the marker */
export function listContainers(controlPlane: ControlPlane, request: FastifyRequest): Page<ContainerView> {
  const { access } = request;
  access.require('container:get_all');
  const query = request.query as Fields;
  onlyKnown(query, [...Object.keys(filters), ...pagingParameters, 'all_projects']);
  const all = allProjects(request, 'container:get_all_all_projects');
  if (query['host'] !== undefined) access.require('container:get_one:host');
  const wanted = Object.entries(filters).flatMap(([key, column]) => {
    const value = query[key];
    if (value === undefined || value === 'None') return [];
    const text = key === 'auto_remove' ? String(queryBoolean(key, value, false)) : String(value);
    return [(view: ContainerView): boolean => String(column(view) ?? '') === text];
  });
  const views = controlPlane.containers({ tenant: all ? null : request.identity.projectId });
  // Members are shown with their capsule. @see zun-api 2.3
  const isWanted = (view: ContainerView): boolean =>
    view.capsuleId === null && wanted.every((matches) => matches(view));
  return page(only(views, isWanted), query, {
    id: ({ id }) => id,
    sortKeys: Object.fromEntries(
      Object.entries(sortKeys).filter(([key]) => guarded[key] === undefined || access.may(guarded[key])),
    ),
    notFound: (marker) => new TroupeError('CONTAINER_NOT_FOUND', `Container ${marker} could not be found.`),
  });
}

function* only<T>(items: Iterable<T>, isWanted: (item: T) => boolean): Iterable<T> {
  for (const item of items) if (isWanted(item)) yield item;
}

/** @throws TroupeError FORBIDDEN naming the rule that says who may ask for it */
export function allProjects(request: FastifyRequest, rule: RuleName): boolean {
  const all = queryBoolean('all_projects', (request.query as Fields)['all_projects'], false);
  if (all) request.access.require(rule);
  return all;
}
