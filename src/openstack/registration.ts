/**
 * Makes a service known to a cloud: its user, its roles, its entry in the
 * catalog. Each step looks first and changes only what is not as it should be.
 */
import { Type, type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import type { CloudSession } from './session.ts';
import { keystoneWords } from './tokens.ts';
import type { CloudAnswer } from './transport.ts';

/** Of users and projects that services have, in every cloud that Keystone's own bootstrap has made. */
export const serviceDomain = 'default';

export interface Service {
  readonly type: string;
  readonly name: string;
  readonly description: string;
  /** Of all its interfaces. */
  readonly url: string;
  readonly region: string;
}

/** One line for each: what it is, and what came of it. */
export type Step = (what: string, outcome: 'was there' | 'made' | 'changed') => void;

export interface Registrar {
  readonly ensureProject: (name: string) => Promise<string>;
  readonly findUser: (name: string) => Promise<string | null>;
  readonly makeUser: (name: string, password: string) => Promise<string>;
  readonly setPassword: (name: string, userId: string, password: string) => Promise<void>;
  /** The role is made where there is none. */
  readonly assign: (userId: string, projectId: string, role: string) => Promise<void>;
  /** The one region that there is; null when there are several, or none. */
  readonly onlyRegion: () => Promise<string | null>;
  /** @param replace also endpoints that lead elsewhere @throws TroupeError INVALID_CONFIG naming those otherwise */
  readonly ensureService: (service: Service, replace: boolean) => Promise<void>;
}

const thing = Type.Object({ id: Type.String(), name: Type.Optional(Type.String()) });
const endpoint = Type.Object({
  id: Type.String(),
  url: Type.String(),
  interface: Type.String(),
  region_id: Type.Union([Type.String(), Type.Null()]),
});
type Endpoint = Static<typeof endpoint>;

const endpointInterfaces = ['public', 'internal', 'admin'] as const;

/** All throw TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED naming what an admin of the cloud alone may do. */
export function createRegistrar(session: CloudSession, tell: Step): Registrar {
  const send = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    body?: object,
  ): Promise<CloudAnswer> => {
    const answer = await session.send({
      service: 'Keystone',
      operation: 'register',
      type: 'identity',
      method,
      path,
      ...(body === undefined ? {} : { body }),
      repeatable: method === 'GET' || method === 'PUT',
    });
    if (answer.status < 300) return answer;
    throw new TroupeError(
      'CLOUD_REFUSED',
      `Keystone refuses ${method} ${path.split('?')[0]} (${answer.status}): ${keystoneWords(answer)}` +
        (answer.status === 403 ? '; it takes an admin of the cloud' : ''),
    );
  };
  const listed = async <T extends TSchema>(
    key: string,
    item: T,
    query: Readonly<Record<string, string>> = {},
  ) => {
    const path = `/${key}?${new URLSearchParams(query)}`;
    const { body } = await send('GET', path);
    const shape = Compile(Type.Object({ [key]: Type.Array(item) }));
    if (!shape.Check(body))
      throw new TroupeError('CLOUD_UNAVAILABLE', `Keystone answers with something that is no list of ${key}`);
    return (body as unknown as Record<string, readonly Static<T>[]>)[key]!;
  };
  const found = async (key: string, query: Readonly<Record<string, string>>): Promise<string | null> =>
    (await listed(key, thing, query))[0]?.id ?? null;
  const made = async (key: string, one: string, content: object): Promise<string> => {
    const { body } = await send('POST', `/${key}`, { [one]: content });
    const id = (body as Record<string, { id?: unknown } | undefined> | null)?.[one]?.id;
    if (typeof id !== 'string')
      throw new TroupeError('CLOUD_UNAVAILABLE', `Keystone answers with something that is no ${one}`);
    return id;
  };
  const ensure = async (
    key: string,
    one: string,
    name: string,
    more: object,
    query: Readonly<Record<string, string>>,
  ) => {
    const there = await found(key, { name, ...query });
    const id = there ?? (await made(key, one, { name, ...more }));
    tell(`${one} ${name}`, there === null ? 'made' : 'was there');
    return id;
  };
  const inDomain = { domain_id: serviceDomain };

  const ensureRegion = async (id: string): Promise<void> => {
    const there = (await listed('regions', thing)).some((each) => each.id === id);
    if (!there) await made('regions', 'region', { id });
    tell(`region ${id}`, there ? 'was there' : 'made');
  };

  const ensureRole = (name: string): Promise<string> => ensure('roles', 'role', name, {}, {});

  return {
    ensureProject: (name) => ensure('projects', 'project', name, inDomain, inDomain),
    findUser: (name) => found('users', { name, ...inDomain }),
    async makeUser(name, password) {
      const id = await made('users', 'user', { name, password, ...inDomain });
      tell(`user ${name}`, 'made');
      return id;
    },
    async setPassword(name, userId, password) {
      await send('PATCH', `/users/${userId}`, { user: { password } });
      tell(`password of user ${name}`, 'changed');
    },
    async assign(userId, projectId, role) {
      const roleId = await ensureRole(role);
      await send('PUT', `/projects/${projectId}/users/${userId}/roles/${roleId}`);
    },
    async onlyRegion() {
      const regions = await listed('regions', thing);
      return regions.length === 1 ? regions[0]!.id : null;
    },
    async ensureService({ type, name, description, url, region }, replace) {
      const there = await found('services', { type });
      const id = there ?? (await made('services', 'service', { type, name, description, enabled: true }));
      tell(`service of type ${type}`, there === null ? 'made' : 'was there');
      await ensureRegion(region);
      const known = await listed('endpoints', endpoint, { service_id: id });
      const ofInterface = (wanted: string): Endpoint | undefined =>
        known.find((each) => each.interface === wanted && each.region_id === region);
      const foreign = endpointInterfaces
        .map(ofInterface)
        .filter((each) => each !== undefined && each.url !== url);
      if (foreign.length > 0 && !replace)
        throw new TroupeError(
          'INVALID_CONFIG',
          `The catalog has another service of type "${type}" in region "${region}", at ${[...new Set(foreign.map((each) => each!.url))].join(' and ')}; with --replace its endpoints become ${url}`,
        );
      for (const each of endpointInterfaces) {
        const before = ofInterface(each);
        if (!before)
          await made('endpoints', 'endpoint', { service_id: id, interface: each, url, region_id: region });
        else if (before.url !== url) await send('PATCH', `/endpoints/${before.id}`, { endpoint: { url } });
        tell(`${each} endpoint ${url}`, !before ? 'made' : before.url === url ? 'was there' : 'changed');
      }
    },
  };
}
