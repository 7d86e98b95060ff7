/** `/v1/registries`: registries that a project has credentials of. A password goes in and never comes out. @see zun-api 2.13 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { isRegistry } from '../../model/image.ts';
import type { RegistryView, RegistryWish } from '../../model/registry.ts';
import type { RuleName } from '../policy/rules.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { queryOf, type ById, type Fields } from './container-access.ts';
import { allProjects } from './container-list.ts';
import { nameLength, namePattern } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { invalidField, onlyKnown } from './values.ts';

/** @param baseUrl null in lists, which carry no links */
const registryView = (view: RegistryView, baseUrl: string | null): Fields => ({
  uuid: view.id,
  ...(baseUrl === null
    ? {}
    : {
        links: [
          { href: `${baseUrl}/v1/registries/${view.id}`, rel: 'self' },
          { href: `${baseUrl}/registries/${view.id}`, rel: 'bookmark' },
        ],
      }),
  name: view.name,
  project_id: view.tenant,
  user_id: view.userId,
  domain: view.domain,
  username: view.username,
  password: view.hasPassword ? hidden : null,
});

const listing: Listing<RegistryView> = {
  id: ({ id }) => id,
  sortKeys: {
    uuid: ({ id }) => id,
    name: ({ name }) => name,
    domain: ({ domain }) => domain,
    username: ({ username }) => username,
    project_id: ({ tenant }) => tenant,
    user_id: ({ userId }) => userId,
  },
  notFound: (id) => new TroupeError('REGISTRY_NOT_FOUND', `Registry ${id} could not be found.`),
};

const filters = {
  name: ({ name }) => name,
  domain: ({ domain }) => domain,
  username: ({ username }) => username,
  project_id: ({ tenant }) => tenant,
  user_id: ({ userId }) => userId,
} as const satisfies Readonly<Record<string, (view: RegistryView) => string | null>>;

const hidden = '***';
const words = { least: 1, most: 255 };
/** A host's name, or an IPv6 address in brackets, and a port. */
const domainPattern = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?$/;

export function registries({ registries: desk }: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = ({ access, identity }: FastifyRequest, id: string, rule: RuleName): RegistryView => {
      const found = desk.find(access.isAdmin ? null : identity.projectId, id);
      access.require(rule, { project_id: found.tenant, user_id: found.userId });
      return found;
    };
    const show = (request: FastifyRequest, view: RegistryView): Fields => ({
      registry: registryView(view, baseUrlOf(request)),
    });

    app.get('/v1/registries', (request) => {
      request.access.require('registry:get_all');
      const query = queryOf(request);
      onlyKnown(query, [...pagingParameters, ...Object.keys(filters), 'all_projects']);
      const tenant = allProjects(request, 'registry:get_all_all_projects')
        ? null
        : request.identity.projectId;
      const wanted = Object.entries(filters).filter(
        ([name]) => query[name] !== undefined && query[name] !== 'None',
      );
      const all = desk.list(tenant).filter((each) => wanted.every(([name, of]) => of(each) === query[name]));
      const { items, next } = page(all, query, listing);
      return {
        registries: items.map((view) => registryView(view, null)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/registries?${next}`,
      };
    });
    app.get<ById>('/v1/registries/:id', (request) => {
      onlyKnown(queryOf(request), []);
      return show(request, find(request, request.params.id, 'registry:get_one'));
    });
    app.post('/v1/registries', async (request, reply) => {
      request.access.require('registry:create');
      onlyKnown(queryOf(request), []);
      const wish = wishOf(request);
      const { domain } = wish;
      if (domain === undefined) throw new TroupeError('INVALID_INPUT', "'domain' is a required property");
      const asked = { name: null, username: null, password: null, ...wish, domain };
      const made = await desk.create(request.identity.projectId, complete(asked), callerOf(request));
      reply.code(201).header('location', `${baseUrlOf(request)}/v1/registries/${made.id}`);
      return show(request, made);
    });
    app.patch<ById>('/v1/registries/:id', async (request) => {
      onlyKnown(queryOf(request), []);
      const registry = find(request, request.params.id, 'registry:update');
      const changes = wishOf(request);
      const { username, hasPassword } = { ...registry, ...changes };
      complete({
        username,
        password: changes.password === undefined ? (hasPassword ? hidden : null) : changes.password,
      });
      return show(request, await desk.update(registry, changes, callerOf(request)));
    });
    app.delete<ById>('/v1/registries/:id', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      await desk.remove(find(request, request.params.id, 'registry:delete'), callerOf(request));
      return reply.code(204).send();
    });
  };
}

/** What the body says, and no more. A fault is told without what was sent where that may be the password. */
function wishOf(request: FastifyRequest): Partial<RegistryWish> {
  const body = (request.body ?? {}) as Fields;
  onlyKnown(body, ['registry']);
  const given = body['registry'];
  if (given === undefined) throw new TroupeError('INVALID_INPUT', "'registry' is a required property");
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalidField('registry', hidden, 'It must be an object');
  const fields = given as Fields;
  onlyKnown(fields, ['name', 'domain', 'username', 'password']);
  const has = (key: string): boolean => fields[key] !== undefined;
  return {
    ...(has('name') ? { name: text(fields, 'name', nameLength, namePattern) } : {}),
    ...(has('domain') ? { domain: domainOf(fields) } : {}),
    ...(has('username') ? { username: text(fields, 'username', words) } : {}),
    ...(has('password') ? { password: passwordOf(fields) } : {}),
  };
}

/** Engines take a part without "." and ":" for a path at Docker Hub, and would log in there with it. */
function domainOf(fields: Fields): string {
  const domain = text(fields, 'domain', words)?.toLowerCase() ?? null;
  const rule =
    'It must be a host as image references begin with, such as registry.example or 10.0.0.5:5000, without a path';
  if (domain === null || !domainPattern.test(domain) || !isRegistry(domain))
    throw invalidField('domain', fields['domain'], rule);
  return domain;
}

function passwordOf({ password }: Fields): string | null {
  if (password === null) return null;
  if (typeof password !== 'string' || password === '' || password.length > 4096 || password.includes('\0'))
    throw invalidField('password', hidden, 'It must be a string of 1 to 4096 characters');
  return password;
}

/** @throws TroupeError INVALID_VALUE for a password that nobody has */
function complete<T extends Pick<RegistryWish, 'username' | 'password'>>(wish: T): T {
  if (wish.password !== null && wish.username === null)
    throw new TroupeError(
      'INVALID_VALUE',
      'A registry with a password needs a username; give both or neither',
    );
  return wish;
}
