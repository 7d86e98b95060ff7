/** The real Keystone that `dev/openstack/up` started: people and projects of a test's own in it, gone when the test ends. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { request } from 'undici';
import { parse } from 'yaml';

export const cloudFolder = process.env['TROUPE_OPENSTACK_DIR'] ?? '/var/lib/troupe-openstack';
/** The leader of a process's session, which is its group, too: signals to its negative reach all of it. */
export const leaderOf = (process: string): number =>
  Number(readFileSync(join(cloudFolder, 'run', `${process}.pid`), 'utf8').split(' ')[0]);
export const cloudsFile = join(cloudFolder, 'clouds.yaml');

interface AdminAuth {
  readonly auth_url: string;
  readonly username: string;
  readonly password: string;
  readonly project_name: string;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly password: string;
}

export interface Project {
  readonly id: string;
  readonly name: string;
}

export interface Cloud {
  readonly authUrl: string;
  /** Of the cloud's admin. */
  readonly adminToken: string;
  /** Of the cloud's admin, as the openstack client takes them. */
  readonly adminVariables: Readonly<Record<string, string>>;
  project(name: string): Promise<Project>;
  person(name: string): Promise<Person>;
  /** Gives a role, which is made where it is missing. */
  grant(person: Person, project: Project, role: string): Promise<void>;
  /** A token; of no project when that is null. @param authUrl of another Keystone over the same users */
  token(person: Person, project: Project | null, authUrl?: string): Promise<string>;
  revoke(token: string): Promise<void>;
  /** Where a service is, without a path: itself, whatever regions of tests lead to it. */
  originOf(type: ServiceType): Promise<string>;
  /**
   * Makes the services of the cloud known in this region, too; gone with it.
   * @param led origins of those that are to be somewhere else there
   */
  copyServices(region: string, led?: Readonly<Partial<Record<ServiceType, string>>>): Promise<void>;
  /** Removes a region with its endpoints, and a user, which a bootstrap has made. */
  forget(region: string, user: string): Promise<void>;
  /** As its admin: the answer's JSON, whatever its status. */
  admin<T = Record<string, never>>(method: Method, path: string, body?: object): Promise<T>;
}

export type ServiceType = 'network' | 'block-storage' | 'image';
const serviceTypes: readonly string[] = ['network', 'block-storage', 'image'] satisfies ServiceType[];

interface Service {
  readonly id: string;
  readonly type: ServiceType;
  readonly url: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export async function createCloud(t: Pick<Test, 'teardown'>): Promise<Cloud> {
  const { auth } = (parse(readFileSync(cloudsFile, 'utf8')) as { clouds: { admin: { auth: AdminAuth } } })
    .clouds.admin;
  const authUrl = auth.auth_url;
  const suffix = randomBytes(4).toString('hex');

  const send = async (method: Method, url: string, headers: Record<string, string>, body?: object) => {
    const answer = await request(url, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, json: text === '' ? {} : JSON.parse(text) };
  };
  const logIn = async (at: string, user: object, scope: unknown): Promise<string> => {
    const identity = { methods: ['password'], password: { user } };
    const { status, headers, json } = await send(
      'POST',
      `${at}/auth/tokens`,
      {},
      { auth: { identity, scope } },
    );
    if (status !== 201) throw new Error(`Keystone gave no token: ${JSON.stringify(json)}`);
    return headers['x-subject-token'] as string;
  };
  const inDefault = { domain: { id: 'default' } };
  const adminToken = await logIn(
    authUrl,
    { name: auth.username, password: auth.password, ...inDefault },
    { project: { name: auth.project_name, ...inDefault } },
  );
  const admin = async <T>(method: Method, path: string, body?: object): Promise<T> =>
    (await send(method, `${authUrl}${path}`, { 'x-auth-token': adminToken }, body)).json as T;
  const made: string[] = [];
  t.teardown(async () => {
    for (const path of made) await admin('DELETE', path);
  });
  const make = async (kind: 'project' | 'user', content: object): Promise<string> => {
    const { [kind]: one } = await admin<Record<string, { id: string }>>('POST', `/${kind}s`, {
      [kind]: { domain_id: 'default', ...content },
    });
    made.push(`/${kind}s/${one!.id}`);
    return one!.id;
  };
  const find = async (kind: string, query: string): Promise<{ id: string } | undefined> =>
    (await admin<Record<string, { id: string }[]>>('GET', `/${kind}?${query}`))[kind]?.[0];

  /** As dev/openstack made them known; a test's own regions lead elsewhere. */
  const services = async (): Promise<readonly Service[]> => {
    const [known, { endpoints }] = await Promise.all([
      admin<{ services: { id: string; type: string }[] }>('GET', '/services'),
      admin<{ endpoints: { url: string; service_id: string }[] }>(
        'GET',
        '/endpoints?region_id=RegionOne&interface=public',
      ),
    ]);
    return known.services
      .filter(({ type }) => serviceTypes.includes(type))
      .map(({ id, type }) => {
        const { url } = endpoints.find(({ service_id: of }) => of === id)!;
        return { id, type: type as ServiceType, url };
      });
  };
  const originIn = (url: string): string => /^https?:\/\/[^/]+/.exec(url)![0];

  return {
    authUrl,
    adminToken,
    adminVariables: {
      OS_AUTH_URL: authUrl,
      OS_USERNAME: auth.username,
      OS_PASSWORD: auth.password,
      OS_PROJECT_NAME: auth.project_name,
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    },
    admin,
    async project(name) {
      const full = `${name}-${suffix}`;
      return { id: await make('project', { name: full }), name: full };
    },
    async person(name) {
      const person = { name: `${name}-${suffix}`, password: `secret of ${name} ${suffix}` };
      return { ...person, id: await make('user', person) };
    },
    async grant(person, project, role) {
      const known =
        (await find('roles', `name=${role}`)) ??
        (await admin<{ role: { id: string } }>('POST', '/roles', { role: { name: role } })).role;
      await admin('PUT', `/projects/${project.id}/users/${person.id}/roles/${known.id}`);
    },
    token: ({ id, password }, project, at = authUrl) =>
      logIn(at, { id, password }, project ? { project: { id: project.id } } : 'unscoped'),
    async revoke(token) {
      await send('DELETE', `${authUrl}/auth/tokens`, {
        'x-auth-token': adminToken,
        'x-subject-token': token,
      });
    },
    async originOf(type) {
      return originIn((await services()).find((each) => each.type === type)!.url);
    },
    async copyServices(region, led = {}) {
      for (const { id, type, url } of await services()) {
        const at = led[type];
        const there = at === undefined ? url : url.replace(originIn(url), at);
        const endpoint = { service_id: id, interface: 'public', url: there, region_id: region };
        await admin('POST', '/endpoints', { endpoint });
      }
    },
    async forget(region, user) {
      const { endpoints } = await admin<{ endpoints: { id: string }[] }>(
        'GET',
        `/endpoints?region_id=${region}`,
      );
      for (const { id } of endpoints) await admin('DELETE', `/endpoints/${id}`);
      await admin('DELETE', `/regions/${region}`);
      const known = await find('users', `name=${user}`);
      if (known) await admin('DELETE', `/users/${known.id}`);
    },
  };
}
