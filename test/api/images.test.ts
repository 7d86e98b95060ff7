/** Images of hosts: listed as the engines have them, pulled, searched, removed; and made of containers. */
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createApiSite, type ApiSite, type CallOptions, type Json } from './site.ts';
import { until } from './until.ts';

const root = { as: 'root' } as const;

const imagesOf = async (site: ApiSite): Promise<readonly Json[]> =>
  (await site.call('GET', '/v1/images', root)).json['images'] as Json[];
const named = async (site: ApiSite, repo: string): Promise<Json | undefined> =>
  (await imagesOf(site)).find((each) => each['repo'] === repo);
const pull = (site: ApiSite, body: Json, options: CallOptions = root) =>
  site.call('POST', '/v1/images', { ...options, body: { host: 'host1', ...body } });
const status = async (site: ApiSite, uuid: unknown, options: CallOptions = root): Promise<unknown> =>
  (await site.call('GET', `/v1/images/${String(uuid)}`, options)).json['status'];
const commit = (site: ApiSite, uuid: string, query: string, options: CallOptions = {}) =>
  site.call('POST', `/v1/containers/${uuid}/commit?${query}`, options);

t.test('what the engines have is listed, also what came there without us', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  site.hosts[1]!.driver.imageNames.add('registry.example:5000/team/app:1.2');
  const all = await imagesOf(site);
  t.match(all, [
    { repo: 'busybox', tag: 'latest', host: 'host1', image_id: /^sha256:/, size: '1024', project_id: null },
    { repo: 'busybox', tag: 'latest', host: 'host2' },
    { repo: 'registry.example:5000/team/app', tag: '1.2', host: 'host2', status: 'present' },
  ]);
  t.notOk('links' in all[0]!, 'lists carry no links');
  const one = await site.call('GET', `/v1/images/${String(all[2]!['uuid'])}`, root);
  t.match(one, { status: 200, json: { tag: '1.2', links: [{ rel: 'self' }, { rel: 'bookmark' }] } });
  t.match((await site.call('GET', '/v1/images?limit=1', root)).json, {
    images: { length: 1 },
    next: /\/v1\/images\?.*marker=/,
  });
  t.match((await site.call('GET', '/v1/images/nowhere', root)).error, {
    status: 404,
    code: 'container.image-not-found',
  });
});

t.test('a host that does not answer is listed with what it had last', async (t) => {
  const site = await createApiSite(t);
  site.hosts[0]!.wire.cut();
  site.hosts[0]!.wire.links = null;
  await until(() => site.controlPlane.hosts()[0]?.online === false);
  t.match(await imagesOf(site), [{ repo: 'busybox', host: 'host1', size: null }]);
});

t.test('images of hosts are for admins', async (t) => {
  const site = await createApiSite(t);
  for (const [method, path, body] of [
    ['GET', '/v1/images', undefined],
    ['POST', '/v1/images', { repo: 'nginx', host: 'host1' }],
  ] as const)
    t.match((await site.call(method, path, { body })).error, {
      status: 403,
      title: /^Policy doesn't allow image:/,
    });
  const [seen] = await imagesOf(site);
  for (const method of ['GET', 'DELETE'])
    t.equal((await site.call(method, `/v1/images/${String(seen!['uuid'])}`)).status, 404);
});

t.test('a pull is durable before it starts, and outlives the control plane', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const release = driver.hold('pullImage');
  const begun = await pull(site, { repo: 'nginx:1.25' });
  t.match(begun, {
    status: 202,
    headers: { location: /\/v1\/images\/[0-9a-f-]{36}$/ },
    json: {
      repo: 'nginx',
      tag: '1.25',
      host: 'host1',
      project_id: 'admin',
      status: 'pulling',
      image_id: null,
    },
  });
  const { uuid } = begun.json;
  await until(() => driver.calls.some((call) => call.startsWith('pullImage')));
  t.match((await pull(site, { repo: 'nginx:1.25' })).error, { status: 409, title: /being pulled already/ });
  await site.restart();
  release();
  await until(async () => (await status(site, uuid)) === 'present');
  t.match(await named(site, 'nginx'), { uuid, tag: '1.25', image_id: 'sha256:nginx:1.25', size: '1024' });
  t.equal(driver.pulls.length, 1, 'the host had begun it and was not asked to do it again');
  t.match((await pull(site, { repo: 'nginx:1.25' })).error, {
    status: 409,
    code: 'container.image-already-exists',
    title: /on that host already/,
  });
  const { history } = (await site.call('GET', `/v1/images/${String(uuid)}/history`, root)).json;
  t.match(history, [{ event: { type: 'actor.created' }, cause: { kind: 'request' } }]);
});

t.test('a pull that fails says why, and may be asked for again', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  driver.failNext('pullImage', new TroupeError('IMAGE_NOT_FOUND', 'Image "nginx:0" is not in its registry'));
  const { uuid } = (await pull(site, { repo: 'nginx:0' })).json;
  await until(async () => (await status(site, uuid)) === 'error');
  t.match((await site.call('GET', `/v1/images/${String(uuid)}`, root)).json, {
    status_reason: 'Image "nginx:0" is not in its registry',
  });
  t.match(await pull(site, { repo: 'nginx:0' }), { status: 202, json: { uuid } });
  await until(async () => (await status(site, uuid)) === 'present');
  driver.failNext('pullImage', new TroupeError('REGISTRY_UNAVAILABLE', 'No answer'));
  const later = (await pull(site, { repo: 'nginx:2' })).json['uuid'];
  await until(async () => {
    await site.clock.advance(500);
    return (await status(site, later)) === 'present';
  });
  t.equal(driver.pulls.length, 4, 'what may work later is tried again');
});

t.test('a pull that does not end has a deadline', async (t) => {
  const site = await createApiSite(t, { settings: { 'deadlines.imageMs': '60000' } });
  site.hosts[0]!.driver.hold('pullImage');
  const { uuid } = (await pull(site, { repo: 'slow' })).json;
  await until(() => site.hosts[0]!.driver.pulls.length === 1);
  await until(async () => {
    await site.clock.advance(5_000);
    return (await status(site, uuid)) === 'error';
  });
  t.match((await site.call('GET', `/v1/images/${String(uuid)}`, root)).json, {
    status_reason: /in(?: time)?/,
  });
});

t.test('what can not be pulled is said', async (t) => {
  const site = await createApiSite(t);
  for (const [body, code, said] of [
    [{ repo: 'nginx', host: 'nowhere' }, 400, /The host nowhere does not exist\./],
    [{ repo: undefined }, 400, /'repo' is a required property/],
    [{ repo: 'nginx', host: undefined }, 400, /'host' is a required property/],
    [{ repo: 'nginx', colour: 'red' }, 400, /Unknown parameters: colour/],
    [{ repo: 'nginx', image_pull_policy: 'sometimes' }, 400, /never, always or ifnotpresent/],
    [{ repo: `sha256:${'a'.repeat(64)}` }, 400, /by its repository and tag/],
    [{ repo: 'troupe-commit/x/y:1' }, 400, /by its repository and tag/],
    [{ repo: 'nginx', registry: 'none' }, 404, /Registry none could not be found/],
  ] as const) {
    const { status, error } = await pull(site, body);
    t.equal(status, code, JSON.stringify(body));
    t.match(error.title, said);
  }
  t.equal(site.hosts[0]!.driver.pulls.length, 0);
});

t.test('an image goes, unless containers are made of it', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const { uuid } = await site.create({ name: 'web' });
  await site.reach(uuid, 'Created');
  const busybox = await named(site, 'busybox');
  const remove = () => site.call('DELETE', `/v1/images/${String(busybox!['uuid'])}`, root);
  t.match((await remove()).error, {
    status: 409,
    title: 'Image "busybox:latest" can\'t be removed: "web" is made of it; delete that container first',
  });
  t.ok(driver.imageNames.has('busybox:latest'));
  t.notOk(
    driver.calls.some((call) => call.startsWith('removeImage')),
    'its engine was not asked',
  );
  await site.call('DELETE', `/v1/containers/${uuid}`);
  await site.gone(uuid);
  driver.failNext('removeImage', new TroupeError('IMAGE_IN_USE', 'A stranger’s container is made of it'));
  t.match((await remove()).error, { status: 409, title: /stranger/ }, 'nor if its engine knows of others');
  t.match(await remove(), { status: 200, text: 'null' });
  t.notOk(driver.imageNames.has('busybox:latest'));
  t.same(await imagesOf(site), []);
  t.equal((await remove()).status, 404);
});

t.test('an image that somebody removed at the engine is gone here, too', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = (await pull(site, { repo: 'nginx' })).json;
  await until(async () => (await status(site, uuid)) === 'present');
  site.hosts[0]!.driver.imageNames.delete('nginx:latest');
  await site.clock.advance(1);
  t.equal(await named(site, 'nginx'), undefined);
  await until(async () => (await status(site, uuid)) === undefined);
  t.match(await pull(site, { repo: 'nginx' }), { status: 202 }, 'and may be pulled anew');
});

t.test('a search answers as Zun does, or says what is wrong', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  driver.hits = ['nginx', 'other/nginx'].map((name, at) => ({
    name,
    description: 'A server',
    isOfficial: at === 0,
    stars: 7,
  }));
  const search = (query = '') => site.call('GET', `/v1/images/nginx/search${query}`, { body: 'null' });
  t.same((await search()).json, [
    { name: 'nginx', description: 'A server', metadata: { is_official: true, star_count: 7 } },
    { name: 'other/nginx', description: 'A server', metadata: { is_official: false, star_count: 7 } },
  ]);
  t.match((await search('?exact_match=True&image_driver=docker')).json, { length: 1 });
  t.match((await site.call('GET', '/v1/images/other/nginx/search?exact_match=true')).json, [
    { name: 'other/nginx' },
  ]);
  t.match((await search('?image_driver=glance')).error, { status: 400, title: /Glance/ });
  driver.failNext(
    'searchImages',
    new TroupeError('REGISTRY_UNAVAILABLE', 'The registry could not be searched'),
  );
  t.match(await search(), {
    headers: { 'retry-after': '1' },
    error: { status: 503, title: 'The registry could not be searched' },
  });
  for (const agent of ['python-zunclient', 'python-urllib3/1.26.12']) {
    driver.failNext(
      'searchImages',
      new TroupeError('REGISTRY_UNAVAILABLE', 'The registry could not be searched'),
    );
    const answer = await site.call('GET', '/v1/images/nginx/search', { headers: { 'user-agent': agent } });
    t.equal(answer.status, 503);
    t.notOk('retry-after' in answer.headers, 'which Zun’s client can’t read');
  }
  const none = await createApiSite(t, { hosts: 0 });
  t.match((await none.call('GET', '/v1/images/nginx/search')).error, {
    status: 503,
    title: /No host is online/,
  });
});

t.test('a commit makes an image of the project’s own, which it can run', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const { uuid } = await site.create({ name: 'web' }, { run: true });
  const { host } = await site.reach(uuid, 'Running');
  const made = await commit(site, uuid, 'repository=team/web&tag=v1');
  t.match(made, { status: 202, json: { uuid: /^[0-9a-f-]{36}$/ } });
  t.same(Object.keys(made.json), ['uuid']);
  const image = made.json['uuid'];
  await until(async () => (await status(site, image, {})) === 'present');
  const view = (await site.call('GET', `/v1/images/${String(image)}`)).json;
  t.match(view, { repo: 'team/web', tag: 'v1', project_id: 'p1' });
  t.notOk('host' in view, 'hosts are for admins');
  t.match(await named(site, 'team/web'), { uuid: image, host });
  t.match((await site.call('GET', `/v1/containers/${uuid}/container_actions`)).json, {
    containerActions: [{ action: 'commit', message: null, finish_time: /./ }],
  });

  const again = await site.create({ name: 'copy', image: 'team/web:v1' }, { run: true });
  const copy = await site.reach(again.uuid, 'Running');
  t.match(copy, { image: 'team/web:v1', host }, 'where it is');
  t.match((await site.call('DELETE', `/v1/images/${String(image)}`)).error, { status: 409, title: /"copy"/ });
  const foreign = await site.create({ image: 'team/web:v1' }, { as: 'bob' });
  await site.reach(foreign.uuid, 'Created');
  const asked = site.hosts.flatMap(({ driver }) => driver.pulls);
  t.match(
    asked.map(({ image: reference }) => reference),
    ['team/web:v1'],
    'who else names it gets what his registry has under that name',
  );
  t.equal((await site.call('GET', `/v1/images/${String(image)}`, { as: 'bob' })).status, 404);
  const taken = site.hosts
    .flatMap(({ driver }) => [...driver.imageNames])
    .find((name) => name.startsWith('troupe-commit/'));
  for (const name of [taken!, `docker.io/${taken!}`])
    t.match((await site.call('POST', '/v1/containers', { as: 'bob', body: { image: name } })).error, {
      status: 400,
      title: /by its repository and tag/,
    });
});

t.test('a commit is refused in words where its state or its name does not permit it', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ name: 'web' });
  await site.reach(uuid, 'Created');
  t.match((await commit(site, uuid, 'repository=web')).error, {
    status: 409,
    title: /Cannot commit container .* in Created state/,
  });
  for (const [query, said] of [
    ['', /'repository' is a required property/],
    ['repository=Web', /small letters/],
    ['repository=host:5000/web', /small letters/],
    ['repository=web&tag=-x', /tag/],
    ['repository=web&colour=red', /colour/],
  ] as const)
    t.match((await commit(site, uuid, query)).error, { status: 400, title: said }, query);
  t.equal((await commit(site, uuid, 'repository=web', { as: 'bob' })).status, 404);
});

t.test('a commit that fails says why; one that was begun is ended after a crash', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const { uuid } = await site.create({ name: 'web' }, { run: true });
  await site.reach(uuid, 'Running');
  driver.failNext('commit', new TroupeError('DISK_FULL', 'The disk of this host is full'));
  const image = (await commit(site, uuid, 'repository=web')).json['uuid'];
  await until(async () => (await status(site, image, {})) === 'error');
  t.match((await site.call('GET', `/v1/images/${String(image)}`)).json, {
    tag: 'latest',
    status_reason: 'The disk of this host is full',
  });
  const release = driver.hold('commit');
  t.match(await commit(site, uuid, 'repository=web&tag=None'), { status: 202, json: { uuid: image } });
  await until(() => driver.calls.filter((call) => call.startsWith('commit ')).length === 2);
  await site.restart();
  release();
  await until(async () => (await status(site, image, {})) === 'present');
  t.match(await site.reach(uuid, 'Running'), { status: 'Running' });
});
