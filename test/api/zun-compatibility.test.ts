/**
 * Zun's own tables over raw HTTP: each action in each state, each microversion, each error, and the quirks of its clients. What
 * was seen becomes `docs/zun-compatibility.md`, by `npm run docs`; a page that says otherwise than the run fails it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import t from 'tap';
import { code, table } from '../../docs/generate/markdown.ts';
import { projectFolder } from '../support/project.ts';
import { tarOf } from '../support/tar.ts';
import { raw, type RawAnswer, type RawOptions } from './raw-client.ts';
import { createApiSite, type ApiSite, type Json } from './site.ts';
import { states } from './states.ts';
import { until } from './until.ts';
import { actions, statuses, type Action, type Status } from './zun-tables.ts';

t.setTimeout(300_000);

/** What each endpoint was asked for, by `METHOD path` of its route. */
const asked = new Map<string, Set<string>>();
let routes: readonly { readonly route: string; readonly pattern: RegExp }[] = [];

function note(method: string, path: string, what: string): void {
  const plain = `/${path
    .split('?')[0]!
    .split('/')
    .filter((each) => each !== '')
    .join('/')}`;
  const versioned = plain === '/' || plain.startsWith('/v1') ? plain : `/v1${plain}`;
  // What is written out goes before what is a parameter.
  const found = routes.find(
    ({ route, pattern }) => route.startsWith(`${method} `) && pattern.test(versioned),
  );
  if (!found) return;
  asked.set(found.route, (asked.get(found.route) ?? new Set()).add(what));
}

async function ask(
  site: ApiSite,
  what: string,
  method: string,
  path: string,
  options: RawOptions = {},
): Promise<RawAnswer> {
  if (routes.length === 0)
    routes = [...site.process.app.routes]
      .flatMap(([url, { methods }]) => [...methods].map((each) => ({ route: `${each} ${url}`, url })))
      .filter(({ route }) => !route.startsWith('HEAD '))
      .toSorted((a, b) => a.url.split(':').length - b.url.split(':').length)
      .map(({ route, url }) => ({
        route,
        pattern: new RegExp(
          `^${url.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll(/:\w+/g, '[^/]+')}$`,
        ),
      }));
  note(method, path, what);
  return raw(site, method, path, options);
}

/** Its containers can be attached to, so that only their state speaks against that. */
const attachable = (site: ApiSite): ApiSite =>
  Object.create(site, {
    create: {
      value: ((body, options) =>
        site.create({ interactive: true, tty: true, ...body }, options)) as ApiSite['create'],
    },
  }) as ApiSite;

/** Where each of Zun's statuses is met. */
const placeOf: Readonly<Partial<Record<Status, string>>> = {
  Creating: 'creating', Created: 'created', Running: 'running', Paused: 'paused', Stopped: 'stopped', Restarting: 'rebooting',
  Rebuilding: 'rebuilding', Error: 'error', Unknown: 'lost', Deleting: 'removing',
}; // prettier-ignore

const seen = new Map<string, Map<Status, boolean>>();
const empty = (await tarOf({ name: 'empty', content: '' })).toString('base64');

for (const status of statuses) {
  const place = placeOf[status];
  if (place === undefined) continue;
  t.test(`every action on a container that is ${status}`, async (t) => {
    const { arrange } = states.find(({ path }) => path === place)!;
    const stage = async () => {
      const site = await createApiSite(t);
      const uuid = await arrange({ site: attachable(site), host: site.hosts[0]! });
      return { site, uuid };
    };
    let current = await stage();
    for (const action of actions) {
      const { name, method, path, zun, more, less, admin, version = 40, looks } = action;
      const { site, uuid } = current;
      if (!isThere(site, action)) continue;
      const body = name === 'put_archive' ? { data: empty } : action.body;
      const answer = await ask(site, `in state ${status}`, method, `/v1/containers/${uuid}${path}`, {
        as: admin ? 'root' : 'ann',
        version,
        ...(body === undefined ? {} : { body }),
      });
      const isTaken = answer.status !== 409;
      const isTakenByZun = zun[statuses.indexOf(status)] === '●';
      // Whose host is away is not refused, and can't be asked.
      const isAway = status === 'Unknown' && answer.status === 503;
      if (isTaken) t.ok(answer.status < 300 || isAway, `${name}: ${answer.status} ${answer.text}`);
      else
        t.match(
          answer.error,
          {
            code: 'container.invalid-state-exception',
            title: new RegExp(`^Cannot ${name} container ${uuid} in ${status} state`),
          },
          name,
        );
      if (less?.status === status) t.notOk(isTaken, `${name} is taken now: it is no exception any more`);
      else if (isTakenByZun) t.ok(isTaken, `${name} is taken, as by Zun: ${answer.text}`);
      else if (isTaken) t.ok(more, `${name} is taken, which is more than Zun does, with a reason`);
      seen.set(name, (seen.get(name) ?? new Map<Status, boolean>()).set(status, isTaken));
      if (isTaken && !looks) current = await stage();
    }
  });
}

const isThere = (site: ApiSite, { method, path }: Action): boolean =>
  site.process.app.routes.get(`/v1/containers/:id${path.split('?')[0]}`)?.methods.has(method) ?? false;

interface Row {
  readonly since: number;
  readonly change: string;
  readonly method?: string;
  /** `$` a container that runs, `#` one that has an address. */
  readonly path?: string;
  readonly admin?: true;
  /** Of a create, beside its image. */
  readonly field?: Json;
  /** Of anything else. */
  readonly body?: Json;
  readonly below: Partial<RawAnswer> | object;
  readonly at: object;
}

const tooNew = (field: string, since: number) => ({
  status: 400,
  error: {
    code: 'container.invalid-param-in-version',
    title: `Invalid param ${field} because current request version is 1.${since - 1}. ${field} is only supported from version 1.${since}`,
  },
});
const absent = { status: 406, error: { code: 'container.' } };
const taken = { status: 202 };
const uuidish = /^[0-9a-f-]{36}$/;
const address = /^\d+\.\d+\.\d+\.\d+$/;
const addition = { status: 400, error: { title: /Additional properties are not allowed/ } };

/** As Zun's client reads it from a file. */
const pod = {
  capsuleVersion: 'beta',
  kind: 'capsule',
  metadata: { name: 'pod', labels: { app: 'shop' } },
  spec: { containers: [{ image: 'busybox', command: ['sleep', '600'] }] },
};

/** A capsule that is asked for otherwise, and what is shown of it. */
const capsule = (since: number, change: string, template: Json, shown: object): Row => ({
  ...always(since, change, 'POST', '/v1/capsules', { status: 202, json: shown }),
  body: { template: { ...pod, ...template } },
});

/** Zun told clients of it in this version, and does it in all. */
const always = (since: number, change: string, method: string, path: string, answer: object): Row => ({
  since,
  change: `${change} (in all versions)`,
  method,
  path,
  below: answer,
  at: answer,
});

const microversions: readonly Row[] = [
  { since: 2, change: 'nets of a create', field: { nets: [] }, below: taken, at: taken },
  { since: 3, change: 'auto_remove', field: { auto_remove: false }, below: tooNew('auto_remove', 3), at: taken },
  { since: 4, change: 'hosts', method: 'GET', path: '/v1/hosts', admin: true, below: absent, at: { status: 200 } },
  { since: 4, change: 'one host', method: 'GET', path: '/v1/hosts/host1', admin: true, below: absent, at: { status: 200 } },
  { since: 5, change: 'runtime', admin: true, field: { runtime: 'runc' }, below: tooNew('runtime', 5), at: taken },
  { since: 6, change: 'network_detach', method: 'POST', path: '$/network_detach?network=n', below: absent, at: { status: 400 } },
  { since: 7, change: 'force of a delete', method: 'DELETE', path: '$?force=true', admin: true, below: tooNew('force', 7), at: { status: 204 } },
  { since: 8, change: 'network_attach', method: 'POST', path: '$/network_attach?network=n', below: absent, at: { status: 400 } },
  { since: 9, change: 'hostname', field: { hostname: 'web' }, below: tooNew('hostname', 9), at: taken },
  { ...always(10, 'a delete is not waited for', 'DELETE', '$?force=true', { status: 204 }), admin: true },
  { since: 11, change: 'mounts', field: { mounts: [{ type: 'bind', source: 'aGk=', destination: '/hi' }] }, below: tooNew('mounts', 11), at: taken },
  { since: 12, change: 'stop of a delete', method: 'DELETE', path: '$?stop=true', below: tooNew('stop', 12), at: { status: 204 } },
  { since: 13, change: 'network_list', method: 'GET', path: '$/network_list', below: absent, at: { status: 200 } },
  { since: 15, change: 'security groups are Neutron’s', method: 'POST', path: '$/add_security_group?name=g', below: { status: 400 }, at: absent },
  { since: 14, change: 'rename is PATCH’s', method: 'POST', path: '$/rename?name=another', below: { status: 200 }, at: absent },
  capsule(16, 'restartPolicy in a capsule’s spec', { spec: { ...pod.spec, restartPolicy: 'Never' } }, { restart_policy: 'no' }),
  capsule(16, 'restartPolicy in its old place', { restartPolicy: 'Never' }, { restart_policy: 'no' }),
  always(17, 'network_detach by port', 'POST', '$/network_detach?port=none', { status: 400, error: { title: /not attached/ } }),
  { since: 18, change: 'addresses of a port in network_list', method: 'GET', path: '#/network_list', below: { json: { networks: [{ net_id: uuidish, port_id: uuidish, subnet_id: uuidish, version: 4, ip_address: address }] } }, at: { json: { networks: [{ net_id: uuidish, port_id: uuidish, fixed_ips: [{ subnet_id: uuidish, version: 4, ip_address: address }] }] } } },
  { since: 19, change: 'resize_container', method: 'POST', path: '$/resize_container?memory=128', below: absent, at: taken },
  { since: 20, change: 'command is a list', field: { command: ['sleep', '9'] }, below: { status: 400 }, at: taken },
  { since: 20, change: 'command is no line any more', field: { command: 'sleep 9' }, below: taken, at: { status: 400 } },
  { since: 21, change: 'privileged, which nobody may', field: { privileged: true }, below: tooNew('privileged', 21), at: { status: 403 } },
  { since: 22, change: 'healthcheck', field: { healthcheck: { cmd: 'true', interval: 10, retries: 3, timeout: 1 } }, below: tooNew('healthcheck', 22), at: taken },
  { ...always(23, 'type of a mount', 'POST', '/v1/containers', taken), field: { mounts: [{ type: 'volume', size: 1, destination: '/data' }] } },
  { since: 24, change: 'exposed_ports', field: { exposed_ports: { '80/tcp': {} } }, below: tooNew('exposed_ports', 24), at: taken },
  { since: 25, change: 'archives in Base64', method: 'GET', path: '$/get_archive?path=/etc/hosts', below: { json: { data: /localhost/ } }, at: { json: { data: /^[A-Za-z0-9+/=]+$/ } } },
  always(26, 'quotas', 'GET', '/v1/quotas/p1', { status: 200, json: { containers: Number, memory: Number, cpu: Number, disk: Number } }),
  always(26, 'usages of quotas', 'GET', '/v1/quotas/p1?usages=True', { status: 200, json: { containers: { limit: Number, in_use: Number } } }),
  always(26, 'default quotas', 'GET', '/v1/quotas/p1/defaults', { status: 200, json: { containers: Number } }),
  { ...always(26, 'setting quotas', 'PUT', '/v1/quotas/p1', { status: 200, json: { containers: 500 } }), body: { containers: '500' }, admin: true },
  { ...always(26, 'quotas back to the defaults', 'DELETE', '/v1/quotas/p1', { status: 200, text: 'null' }), admin: true },
  { ...always(26, 'quota classes', 'GET', '/v1/quota_classes/default', { status: 200, json: { containers: Number } }), admin: true },
  { ...always(26, 'setting quota classes', 'PUT', '/v1/quota_classes/default', { status: 200, json: { disk: 2000 } }), body: { disk: 2000 }, admin: true },
  { since: 27, change: 'DELETE of networks', method: 'DELETE', path: '/v1/networks/none', admin: true, below: absent, at: { status: 404 } },
  { ...always(28, 'cpu_policy', 'POST', '/v1/containers', taken), field: { cpu_policy: 'shared' } },
  { ...always(29, 'enable_cpu_pinning of a host', 'GET', '/v1/hosts/host1', { status: 200, json: { enable_cpu_pinning: false } }), admin: true },
  { ...always(30, 'making registries', 'POST', '/v1/registries', { status: 201, json: { registry: { domain: 'registry.example', password: '***' } } }), body: { registry: { domain: 'registry.example', username: 'ann', password: 'secret' } } },
  always(30, 'registries', 'GET', '/v1/registries', { status: 200, json: { registries: [{ name: 'mine' }] } }),
  always(30, 'one registry', 'GET', '/v1/registries/mine', { status: 200, json: { registry: { name: 'mine', links: Array } } }),
  { ...always(30, 'changing registries', 'PATCH', '/v1/registries/mine', { status: 200, json: { registry: { username: 'amy' } } }), body: { registry: { username: 'amy' } } },
  always(30, 'deleting registries', 'DELETE', '/v1/registries/none', { status: 404, error: { code: 'container.registry-not-found' } }),
  { since: 31, change: 'registry', field: { registry: 'mine' }, below: tooNew('registry', 31), at: taken },
  always(31, 'registry_id of a container', 'GET', '$', { status: 200, json: { registry_id: null } }),
  { since: 32, change: 'capsules’ name, labels and restart policy', method: 'POST', path: '/v1/capsules', body: { template: pod }, below: { status: 202, json: { meta_name: 'pod', meta_labels: { app: 'shop' }, restart_policy: 'always' } }, at: { status: 202, json: { name: 'pod', labels: { app: 'shop' }, restart_policy: { Name: 'always', MaximumRetryCount: '0' } } } },
  always(33, 'finish_time of actions', 'GET', '$/container_actions', { json: { containerActions: [{ action: 'create', finish_time: /^\d{4}-/ }] } }),
  capsule(34, 'init containers of a capsule', { spec: { ...pod.spec, initContainers: [{ image: 'busybox' }] } }, { init_containers: [{ image: 'busybox' }] }),
  capsule(35, 'ports of a capsule’s containers', { spec: { containers: [{ image: 'busybox', ports: [{ containerPort: 80 }] }] } }, { containers: [{ image: 'busybox' }] }),
  { since: 36, change: 'tty by itself', field: { interactive: true, tty: false }, below: { json: { tty: true } }, at: { json: { tty: false } } },
  capsule(37, 'tty and stdin of a capsule’s containers', { spec: { containers: [{ image: 'busybox', tty: true, stdin: true }] } }, { containers: [{ tty: true, interactive: true }] }),
  capsule(38, 'annotations of a capsule', { metadata: { name: 'noted', annotations: { note: 'ours' } } }, { annotations: { note: 'ours' } }),
  { since: 39, change: 'host', admin: true, field: { host: 'host1' }, below: addition, at: taken },
  { since: 40, change: 'entrypoint', field: { entrypoint: ['sh'] }, below: addition, at: taken },
]; // prettier-ignore

t.test('every microversion that changes what is taken, at its last before and its first', async (t) => {
  const site = await createApiSite(t, { plugs: true, settings: { 'quota.containers': '-1' } });
  const mine = { name: 'mine', domain: 'registry.example' };
  await ask(site, 'a registry', 'POST', '/v1/registries', { body: { registry: mine } });
  const member = await memberOf(site);
  for (const { since, change, method, path, field, body, admin, below, at } of microversions) {
    for (const [version, expected] of [
      [since - 1, below],
      [since, at],
    ] as const) {
      const as = admin ? 'root' : 'ann';
      const { uuid } = path?.startsWith('$') ? await running(site) : { uuid: '' };
      const answer = await ask(
        site,
        `1.${since}: ${change}`,
        method ?? 'POST',
        path?.replace('$', `/v1/containers/${uuid}`).replace('#', `/v1/containers/${member}`) ??
          '/v1/containers',
        { as, version, ...(field ? { body: { image: 'busybox', ...field } } : body ? { body } : {}) },
      );
      const { status, error, json, text } = answer;
      t.match({ status, error, json, text }, expected, `1.${version}: ${change}: ${status} ${answer.text.slice(0, 300)}`); // prettier-ignore
      t.equal(answer.headers['openstack-api-version'], `container 1.${version}`);
    }
  }
  for (const version of ['container 1.41', 'container 2.1', 'container 1.0', 'compute 2.1', 'container'])
    t.match(await ask(site, 'a version that is not spoken', 'GET', '/v1/containers', { version }), {
      status: 406,
      error: { max_version: '1.40', min_version: '1.1' },
    });
  t.match(await ask(site, 'no version', 'GET', '/v1/containers', { version: null }), {
    headers: { 'openstack-api-version': 'container 1.1' },
  });
  t.match(await ask(site, 'the latest version', 'GET', '/v1/containers', { version: 'container latest' }), {
    headers: { 'openstack-api-version': 'container 1.40' },
  });
});

/** A container of a capsule that runs, which has an address. */
async function memberOf(site: ApiSite): Promise<string> {
  const { json } = await ask(site, 'a capsule', 'POST', '/v1/capsules', { body: { template: pod } });
  const [{ uuid }] = json['containers'] as [{ uuid: string }];
  await site.reach(uuid, 'Running');
  return uuid;
}

async function running(site: ApiSite, body: Json = {}): Promise<{ uuid: string }> {
  const { uuid } = await site.create(body, { run: true });
  await site.reach(uuid, 'Running');
  return { uuid };
}

const failures: (readonly [string, number, string])[] = [];

t.test('every error that clients tell apart', async (t) => {
  const site = await createApiSite(t, { settings: { 'quota.containers': '4' } });
  const { uuid } = await running(site, { name: 'web' });
  const twin = await running(site, { name: 'twin' });
  await site.create({ name: 'twin' });
  site.hosts[0]!.driver.runs = () => ({ end: 'killed', exitCode: null, output: '', truncated: false });
  const at = (path: string): string => `/v1/containers/${uuid}${path}`;
  const expect = async (what: string, status: number, error: string, method: string, path: string, options: RawOptions = {}) => {
    const answer = await ask(site, what, method, path, options);
    t.equal(answer.status, status, `${what}: ${answer.text}`);
    t.equal(answer.error.code, `container.${error}`, what);
    t.match(answer.error, { status, title: answer.error['detail'], links: [], request_id: answer.headers['x-openstack-request-id'] });
    failures.push([what, status, `container.${error}`]);
  };
  const create = (what: string, status: number, error: string, body: Json, options: RawOptions = {}) =>
    expect(what, status, error, 'POST', '/v1/containers', { ...options, body });
  await create('a field that breaks its rule', 400, 'schema-validation-error', { image: 'busybox', name: '-x' });
  await create('a field that is missing', 400, 'schema-validation-error', {});
  await expect('a body that is no JSON', 400, 'schema-validation-error', 'POST', '/v1/containers', { body: '{' });
  await create('a field that nobody knows', 400, 'schema-validation-error', { image: 'busybox', colour: 'red' });
  await create('values that exclude each other', 400, 'invalid-value', { image: 'busybox', restart_policy: { Name: 'always', MaximumRetryCount: 3 } });
  await create('what only admins may', 403, 'policy-not-authorized', { image: 'busybox', runtime: 'runc' });
  await create('a host that there is not', 404, 'requested-host-not-found', { image: 'busybox', host: 'none' }, { as: 'root' });
  await expect('a query that breaks its rule', 400, 'schema-validation-error', 'POST', at('/stop?timeout=-1'));
  await expect('a query that nobody knows', 400, 'invalid-value', 'GET', '/v1/containers?colour=red');
  await expect('a path that is not in the container', 400, 'invalid', 'GET', at('/get_archive?path=/none'));
  await expect('files that are not in Base64', 400, 'base64-exception', 'POST', at('/put_archive?path=/tmp'), { body: { data: '%' } });
  await expect('to attach to what is not interactive', 400, 'no-interactive-flag', 'GET', at('/attach'));
  for (const [verb, missing] of [['execute', 'command'], ['put_archive', 'path'], ['execute_resize', 'exec_id']] as const)
    await expect(`${verb} without ${missing}`, 400, 'schema-validation-error', 'POST', at(`/${verb}?${verb === 'execute_resize' ? 'h=1&w=1' : ''}`), { body: verb === 'put_archive' ? { data: empty } : {} });
  await expect('an unknown container', 404, 'container-not-found', 'GET', '/v1/containers/none');
  await expect('another project’s container', 404, 'container-not-found', 'GET', `/v1/containers/${uuid}`, { as: 'bob' });
  await expect('an unknown image', 404, 'image-not-found', 'GET', '/v1/images/none', { as: 'root' });
  const pulled = await ask(site, 'a pull', 'POST', '/v1/images', { as: 'root', body: { repo: 'nginx', host: 'host1' } });
  t.match(pulled, { status: 202, json: { repo: 'nginx', tag: 'latest', host: 'host1' } });
  await until(async () => (await ask(site, 'what became of a pull', 'GET', `/v1/images/${String(pulled.json['uuid'])}`, { as: 'root' })).json['status'] === 'present');
  await expect('an image that the host has', 409, 'image-already-exists', 'POST', '/v1/images', { as: 'root', body: { repo: 'nginx', host: 'host1' } });
  await expect('an image without a host', 400, 'schema-validation-error', 'POST', '/v1/images', { as: 'root', body: { repo: 'busybox' } });
  await expect('images, by a member', 403, 'policy-not-authorized', 'GET', '/v1/images');
  await expect('an unknown registry', 404, 'registry-not-found', 'GET', '/v1/registries/none');
  await expect('a registry without a domain', 400, 'schema-validation-error', 'POST', '/v1/registries', { body: { registry: { name: 'mine' } } });
  await create('a registry that there is not', 404, 'registry-not-found', { image: 'busybox', registry: 'none' });
  await expect('an unknown capsule', 404, 'capsule-not-found', 'GET', '/v1/capsules/none');
  await expect('a template that breaks its rule', 400, 'schema-validation-error', 'POST', '/v1/capsules', { body: { template: { ...pod, kind: 'pod' } } });
  await expect('a template whose volume nobody mounts', 400, 'invalid-capsule-template', 'POST', '/v1/capsules', { body: { template: { ...pod, spec: { ...pod.spec, volumes: [{ name: 'v', cinder: { size: 1 } }] } } } });
  await expect('an unknown network', 404, 'network-not-found', 'DELETE', '/v1/networks/none', { as: 'root' });
  await expect('an unknown volume', 404, 'volume-not-found', 'GET', '/v1/volumes/none');
  await expect('an unknown host', 404, 'compute-node-not-found', 'GET', '/v1/hosts/none', { as: 'root' });
  await expect('an unknown service', 404, 'zun-service-not-found', 'PUT', '/v1/services/enable?host=none&binary=zun-compute', { as: 'root' });
  await expect('an unknown action', 404, 'resource-not-found', 'GET', at('/container_actions/req-none'));
  await expect('what its state does not permit', 409, 'invalid-state-exception', 'POST', at('/unpause'));
  await expect('a name that two have', 409, 'conflict', 'GET', '/v1/containers/twin');
  await expect('a name that it has already', 409, 'conflict', 'POST', at('/rename?name=web'), { version: 13 });
  await expect('a command that takes too long', 409, 'conflict', 'POST', at('/execute?command=sleep'));
  await site.create();
  await create('more than the quota', 403, 'over-quota', { image: 'busybox' });
  await expect('a path that nobody knows', 404, '', 'GET', '/v1/nothing');
  await expect('another method', 405, '', 'PUT', '/v1/containers');
  await expect('what is not JSON', 415, '', 'POST', '/v1/containers', { body: 'x', headers: { 'content-type': 'text/plain' } });
  const stranger = await ask(site, 'no token', 'GET', '/v1/containers', { as: null });
  t.match(stranger, { status: 401, headers: { 'www-authenticate': /./ }, json: { error: { code: 401, title: 'Unauthorized' } } });
  failures.push(['no token', 401, '']);
  t.equal((await ask(site, 'memory null', 'POST', '/v1/containers', { as: 'bob', body: { image: 'busybox', memory: null } })).status, 202);
  t.ok(twin);
}); // prettier-ignore

t.test('what clients put on the wire', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await running(site, { name: 'web' });
  for (const path of ['/v1/containers/', '//v1//containers', '/containers', `/v1/containers//${uuid}`, `/v1/containers/${uuid}/`, `/containers/${uuid}`])
    t.equal((await ask(site, 'slashes, and no version in the path', 'GET', path)).status, 200, path);
  for (const id of [uuid, uuid.replaceAll('-', ''), uuid.toUpperCase(), 'web'])
    t.match(await ask(site, 'a UUID as it may be written, or a name', 'GET', `/v1/containers/${id}`), { json: { uuid } });
  const inBody = await ask(site, 'what it is told in the body', 'POST', `/v1/containers/${uuid}/execute`, { body: { command: 'echo hello' } });
  t.match(inBody, { status: 200, json: { output: 'echo hello\n', exit_code: 0, exec_id: null, proxy_url: null } });
  const inQuery = await ask(site, 'what it is told in the query', 'POST', `/v1/containers/${uuid}/execute?command=%22echo%22+%22hello%22`);
  t.match(inQuery, { json: { output: 'echo hello\n' } });
  const json = { 'content-type': 'application/json', 'content-length': '0' };
  t.match(await ask(site, 'a content type without content', 'POST', `/v1/containers/${uuid}/stop?timeout=0`, { headers: json }), { status: 202, text: 'null', headers: { 'content-type': /^application\/json/ } });
  await site.reach(uuid, 'Stopped');
  t.match(await ask(site, 'a GET with a body', 'GET', '/v1/containers', { headers: { 'content-type': 'application/json', 'content-length': '4' }, body: 'null' }), { status: 200 });
  t.match(await ask(site, 'Python’s words', 'GET', `/v1/containers/${uuid}?all_projects=False`), { status: 200 });
  t.match(await ask(site, 'Python’s words', 'GET', `/v1/containers/${uuid}/logs?stdout=True&stderr=True&timestamps=False&tail=all&since=None`), { status: 200, text: '""' });
  const held = await ask(site, 'a template as a string', 'POST', '/capsules', { body: { template: JSON.stringify(pod) } });
  t.match(held, { status: 202, json: { name: 'pod', containers: [{ name: /^capsule-pod-/ }] } });
  t.match(await ask(site, 'Python’s words', 'GET', '/v1/capsules?all_projects=True&limit=1'), { status: 200, json: { capsules: [{ name: 'pod' }] } });
  t.match(await ask(site, 'by its name', 'GET', '/v1/capsules/pod'), { json: { uuid: held.json['uuid'] } });
  t.match(await ask(site, 'Python’s words', 'DELETE', '/v1/capsules/pod?all_projects=False'), { status: 204, text: '' });
  const listed = await ask(site, 'a page', 'GET', '/v1/containers?limit=1');
  t.match(new URL(String(listed.json['next'])).pathname, /^\/v1\//);
  const gone = await ask(site, 'Python’s words', 'DELETE', `/v1/containers/${uuid}?force=False&stop=False&all_projects=False`, { headers: { 'content-type': 'application/octet-stream' } });
  t.match(gone, { status: 204, text: '' });
  t.equal(gone.headers['content-type'], undefined);
  const versions = await ask(site, 'discovery, without a token', 'GET', '/', { as: null, version: 'container 1.99' });
  t.match(versions, { status: 200, json: { versions: [{ status: 'CURRENT', min_version: '1.1', max_version: '1.40' }], default_version: { id: 'v1' } } });
  t.match(await ask(site, 'discovery, without a token', 'GET', '/v1', { as: null }), { status: 200, json: { id: 'v1', containers: [{ rel: 'self' }, { rel: 'bookmark' }] } });
  t.match(await ask(site, 'without a token', 'GET', '/healthcheck', { as: null }), { status: 200, text: 'OK' });
}); // prettier-ignore

t.test(
  'a stack of Heat’s: created at 1.12, watched, updated at 1.18, deleted until it is gone',
  async (t) => {
    const site = await createApiSite(t);
    const heat = (method: string, path: string, version: number, body?: object) =>
      ask(site, 'Heat’s flow', method, path, { version, ...(body ? { body } : {}) });
    const created = await heat('POST', '/v1/containers?run=true', 12, {
    name: 'stack-web', image: 'busybox', command: 'sh -c "sleep 600"', cpu: 0.5, memory: '64', environment: { A: 'b' }, workdir: '/',
    labels: { stack: 's' }, image_pull_policy: null, restart_policy: { Name: 'no', MaximumRetryCount: '0' }, interactive: false,
    image_driver: 'docker', security_groups: [], hints: {}, hostname: 'web', nets: [], mounts: [],
  }); // prettier-ignore
    t.equal(created.status, 202, created.text);
    t.same(created.json['command'], ['sh', '-c', 'sleep 600'], 'a line is split as a shell does');
    const uuid = String(created.json['uuid']);
    const path = `/v1/containers/${uuid}`;
    t.ok(
      ['Creating', 'Created', 'Running'].includes(String(created.json['status'])),
      'a status that it waits on',
    );
    await site.reach(uuid, 'Running');
    const shown = await heat('GET', path, 12);
    t.match(shown.json, { name: 'stack-web', status: 'Running', addresses: {}, memory: '64' });
    const updated = await heat('PATCH', path, 18, { cpu: 1, memory: '128', name: 'stack-web-2' });
    t.equal(updated.status, 200);
    await until(async () => (await heat('GET', path, 18)).json['memory'] === '128');
    t.match((await heat('GET', path, 18)).json, { name: 'stack-web-2', cpu: 1, memory: '128' });
    t.equal((await heat('DELETE', `${path}?stop=True`, 12)).status, 204);
    await site.gone(uuid);
    t.equal((await heat('GET', path, 12)).status, 404, 'for exactly that it waits');
  },
);

t.test('the page says what was seen; else: npm run docs', async (t) => {
  const path = join(projectFolder(), 'docs/zun-compatibility.md');
  const page = await format(pageOf(), { ...(await resolveConfig(path)), parser: 'markdown' });
  if (process.env['TROUPE_WRITE_DOCS']) writeFileSync(path, page);
  t.equal(readFileSync(path, 'utf8'), page, 'docs/zun-compatibility.md is not stale');
});

function pageOf(): string {
  const met = statuses.filter((status) => placeOf[status] !== undefined);
  const cells = actions
    .filter(({ name }) => seen.has(name))
    .map(({ name, zun }) => [
      code(name),
      ...met.map((status) => {
        const isTaken = seen.get(name)!.get(status);
        if (zun[statuses.indexOf(status)] === '●') return isTaken ? '●' : 'refused';
        return isTaken ? '＋' : '';
      }),
    ]);
  const more = actions.flatMap(({ name, zun, more: why }) => {
    const where = met.filter(
      (status) => zun[statuses.indexOf(status)] !== '●' && seen.get(name)?.get(status),
    );
    return where.length > 0 ? [[code(name), where.join(', '), why ?? '']] : [];
  });
  const less = actions.flatMap(({ name, less: exception }) =>
    exception && seen.has(name) ? [[code(name), exception.status, exception.why]] : [],
  );
  const endpoints = [...asked]
    .toSorted(([a], [b]) => (a.split(' ')[1]! + a < b.split(' ')[1]! + b ? -1 : 1))
    .map(([route, what]) => [code(route.replaceAll(/:(\w+)/g, '{$1}')), summaryOf(what)]);
  return `# Compatibility with Zun

What is asked of the API over raw HTTP as Zun's clients ask it, and what came of it; made from the run of
\`test/api/zun-compatibility.test.ts\` by \`npm run docs\`. Beside it the unmodified \`openstack appcontainer\` of Debian is run against a real
engine (\`test/compat/openstack-client.test.ts\`).

## Actions and states

● taken, as by Zun; ＋ taken, though Zun refuses it; empty: refused by both, with 409. \`Dead\` and \`Deleted\` are not met: what an
engine calls dead has ended, and what was deleted is gone. Attaching and detaching of networks is tested with real ones
(\`test/main/networks.test.ts\`); security groups with a real Neutron (\`test/openstack/neutron.test.ts\`).

${table(['action', ...met], cells)}

## What is taken beyond Zun

${table(['action', 'where', 'why'], more)}

${
  less.length === 0
    ? ''
    : `## What is refused beyond Zun

${table(['action', 'where', 'why'], less)}
`
}
## Microversions

Each at the last version before it, and at its own.

${table(
  ['from', 'change'],
  microversions.map(({ since, change }) => [`1.${since}`, change]),
)}

## Errors

${table(
  ['what', 'HTTP', 'code'],
  failures.map(([what, status, each]) => [what, String(status), code(each)]),
)}

## Endpoints

${table(['endpoint', 'asked'], endpoints)}
`;
}

/** States in one, since each action meets all of them. */
function summaryOf(what: ReadonlySet<string>): string {
  const inStates = [...what].filter((each) => each.startsWith('in state '));
  const others = [...what].filter((each) => !each.startsWith('in state '));
  return [...(inStates.length > 0 ? [`in ${inStates.length} states`] : []), ...others].join('; ');
}
