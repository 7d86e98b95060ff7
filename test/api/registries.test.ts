/** Registries: kept for their project, their passwords for nobody, and shown to no other registry. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createApiSite, type ApiSite, type CallOptions, type Json } from './site.ts';
import { until } from './until.ts';

const password = 'correct-horse-battery';
const login = { domain: 'registry.example:5000', username: 'ann', password };

const post = (site: ApiSite, registry: unknown, options: CallOptions = {}) =>
  site.call('POST', '/v1/registries', { ...options, body: { registry } });
const made = async (site: ApiSite, registry: Json): Promise<Json & { uuid: string }> =>
  (await post(site, registry)).json['registry'] as Json & { uuid: string };
const listed = async (site: ApiSite, query = '', options: CallOptions = {}): Promise<readonly Json[]> =>
  (await site.call('GET', `/v1/registries${query}`, options)).json['registries'] as Json[];

t.test('made, listed, changed and forgotten as Zun does it', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  const created = await post(site, { ...login, name: 'mine' });
  t.match(created, { status: 201, headers: { location: /\/v1\/registries\/[0-9a-f-]{36}$/ } });
  const { uuid } = created.json['registry'] as Json;
  t.match(created.json['registry'], {
    links: [{ rel: 'self' }, { rel: 'bookmark' }],
    name: 'mine',
    project_id: 'p1',
    user_id: 'ann',
    domain: 'registry.example:5000',
    username: 'ann',
    password: '***',
  });
  t.match(await post(site, { domain: 'Docker.IO' }), {
    status: 201,
    json: { registry: { name: null, domain: 'docker.io', username: null, password: null } },
  });
  t.match(await listed(site), [{ uuid, name: 'mine' }, { domain: 'docker.io' }]);
  t.notOk('links' in (await listed(site))[0]!);
  t.match(await listed(site, '?domain=docker.io'), [{ domain: 'docker.io' }]);
  t.match(await listed(site, '?username=nobody'), []);
  for (const id of [uuid, String(uuid).replaceAll('-', ''), 'mine'])
    t.match((await site.call('GET', `/v1/registries/${String(id)}`)).json, { registry: { uuid } });
  t.match(
    await site.call('PATCH', '/v1/registries/mine', {
      body: { registry: { name: 'ours', username: 'amy' } },
    }),
    { status: 200, json: { registry: { uuid, name: 'ours', username: 'amy', password: '***' } } },
  );
  t.equal((await site.call('DELETE', '/v1/registries/ours')).status, 204);
  t.match((await site.call('GET', `/v1/registries/${String(uuid)}`)).error, {
    status: 404,
    code: 'container.registry-not-found',
  });
  t.match(await listed(site), [{ domain: 'docker.io' }]);
});

t.test('of one project only', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  const { uuid } = await made(site, { ...login, name: 'mine' });
  t.match(await listed(site, '', { as: 'amy' }), [{ uuid }], 'of the project, not of its user');
  t.same(await listed(site, '', { as: 'bob' }), []);
  for (const id of [uuid, 'mine'])
    for (const method of ['GET', 'PATCH', 'DELETE'])
      t.equal(
        (await site.call(method, `/v1/registries/${id}`, { as: 'bob', body: { registry: {} } })).status,
        404,
      );
  t.equal((await site.call('GET', '/v1/registries?all_projects=true', { as: 'bob' })).status, 403);
  t.match(await listed(site, '?all_projects=true', { as: 'root' }), [{ uuid }]);
  t.match(
    (await site.call('POST', '/v1/containers', { as: 'bob', body: { image: 'app', registry: uuid } })).error,
    { status: 404, code: 'container.registry-not-found' },
  );
});

t.test('what is wrong is said, without the password', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  for (const [registry, said] of [
    [{ ...login, domain: undefined }, /'domain' is a required property/],
    [{ ...login, domain: 'https://registry.example' }, /without a path/],
    [{ ...login, domain: 'registry.example/team' }, /without a path/],
    // Engines would take it for a path at Docker Hub, and log in there.
    [{ ...login, domain: 'registry' }, /must be a host/],
    [{ ...login, domain: 'evil.example@registry.example' }, /must be a host/],
    [{ ...login, username: undefined }, /needs a username/],
    [{ ...login, password: [password] }, /'password'.*\*\*\*/],
    [{ ...login, colour: 'red' }, /Unknown parameters: colour/],
    [[login], /must be an object/],
    [password, /must be an object/],
    [{ ...login, name: 'a b' }, /must match/],
  ] as const) {
    const { status, error, text } = await post(site, registry);
    t.equal(status, 400, text);
    t.match(error.title, said);
    t.notMatch(text, password);
  }
  t.notMatch(site.logged.join('\n'), password);
});

t.test('a password comes out nowhere, and is read again after a start', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const { uuid } = await made(site, { ...login, name: 'mine' });
  const run = async (name: string): Promise<Json> => {
    const container = await site.create({ name, image: 'team/app:1', registry: 'mine' });
    return site.reach(container.uuid, 'Created', 'Error');
  };
  t.match(await run('first'), { status: 'Created', image: 'team/app:1', registry_id: uuid });
  t.match(driver.pulls, [
    {
      image: 'registry.example:5000/team/app:1',
      policy: 'always',
      credential: { domain: login.domain, username: 'ann', password },
    },
  ]);
  await site.call('PATCH', '/v1/registries/mine', { body: { registry: { password: `${password}-2` } } });
  await run('second');
  t.equal(driver.pulls.at(-1)?.credential?.password, `${password}-2`);
  const open: string[] = [];
  for (const path of [
    `registries/${uuid}`,
    'registries',
    `registries/${uuid}/lifecycle`,
    `registries/${uuid}/history`,
    'containers/first',
    'containers/first/lifecycle',
    'containers/first/history',
    'containers/first/container_actions',
    'audit',
  ])
    open.push((await site.call('GET', `/v1/${path}`, { as: 'root' })).text);
  open.push(
    (
      await site.call('POST', '/v1/containers/first/what-if', {
        body: { type: 'container.delete', mode: 'ifStopped', graceMs: 10_000 },
      })
    ).text,
  );
  t.equal(open.filter((text) => text.length > 2).length, open.length);
  t.notMatch(open.join('\n'), password);
  t.notMatch(site.logged.join('\n'), password);
  await site.restart(() => {
    const folder = join(site.directory, 'store');
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.mdb') && file !== 'data') continue;
      t.notOk(readFileSync(join(folder, file)).includes(password), `${file} has no password in clear`);
    }
  });
  await run('third');
  t.equal(driver.pulls.at(-1)?.credential?.password, `${password}-2`, 'the last one is what was kept');
});

t.test('a login goes to its own registry, host and port, and nowhere else', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const { uuid } = await made(site, { ...login, name: 'mine' });
  const create = (image: string) =>
    site.call('POST', '/v1/containers', { body: { image, registry: 'mine' } });
  for (const image of [
    'evil.example/registry.example:5000/app',
    'registry.example/app',
    'registry.example:5001/app',
    'registry.example:5000.evil.example/app',
    'localhost/app',
  ])
    t.match((await create(image)).error, { status: 400, title: /its login is shown nowhere else/ }, image);
  t.equal(driver.pulls.length, 0);
  const { uuid: container } = (await create('registry.example:5000/app')).json;
  await site.reach(String(container), 'Created');
  t.match(driver.pulls, [{ image: 'registry.example:5000/app:latest', credential: { username: 'ann' } }]);
  t.match(await site.create({ image: 'other.example/app' }), { registry_id: null });
  await until(() => driver.pulls.length === 2);
  t.match(
    driver.pulls[1],
    { image: 'other.example/app:latest', credential: null },
    'nor where none was named',
  );

  const rebuild = (image: string) =>
    site.call('POST', `/v1/containers/${String(container)}/rebuild?image=${encodeURIComponent(image)}`);
  t.equal((await rebuild('other.example/app')).status, 202);
  await until(() => driver.pulls.length === 3);
  t.match(driver.pulls[2], { image: 'other.example/app:latest', credential: null });

  // The registry of a container that waits for its image moves elsewhere, and another is deleted.
  driver.failNext('pullImage', new TroupeError('REGISTRY_UNAVAILABLE', 'No answer'));
  const waiting = String((await create('app:1')).json['uuid']);
  await until(() => driver.pulls.length === 4);
  await site.call('PATCH', `/v1/registries/${uuid}`, { body: { registry: { domain: 'evil.example' } } });
  await until(async () => {
    await site.clock.advance(500);
    return (await site.call('GET', `/v1/containers/${waiting}`)).json['status'] === 'Error';
  });
  t.match((await site.call('GET', `/v1/containers/${waiting}`)).json, {
    status_reason: /can't be pulled with the login of "evil\.example": it is of another registry/,
  });
  t.equal(driver.pulls.length, 4);
});

t.test('a registry that is gone is the reason of who wanted its login', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  await made(site, { ...login, name: 'mine' });
  driver.failNext('pullImage', new TroupeError('REGISTRY_UNAVAILABLE', 'No answer'));
  const { uuid } = await site.create({ image: 'app:1', registry: 'mine' });
  await until(() => driver.pulls.length === 1);
  await site.call('DELETE', '/v1/registries/mine');
  await until(async () => {
    await site.clock.advance(500);
    return (await site.call('GET', `/v1/containers/${uuid}`)).json['status'] === 'Error';
  });
  t.match((await site.call('GET', `/v1/containers/${uuid}`)).json, { status_reason: /has been deleted/ });
});

t.test('a copy on a host is for nobody whom the registry would not give it to', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  await made(site, { ...login, name: 'mine' });
  driver.imageNames.add('registry.example:5000/app:1');
  driver.failNext(
    'pullImage',
    new TroupeError('REGISTRY_DENIED', 'Image can’t be pulled without logging in'),
  );
  const { uuid } = await site.create({ image: 'registry.example:5000/app:1' }, { as: 'bob' });
  t.match(await site.reach(uuid, 'Error', 'Created'), {
    status: 'Error',
    status_reason: /without logging in/,
  });
  t.match(driver.pulls, [{ policy: 'always', credential: null }]);
});

t.test('names that several have are told apart by id, and an old client may not name any', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  await made(site, { ...login, name: 'mine' });
  await made(site, { ...login, name: 'mine' });
  t.match((await site.call('GET', '/v1/registries/mine')).error, { status: 409 });
  const create = (version: number) =>
    site.call('POST', '/v1/containers', { version, body: { image: 'app', registry: 'mine' } });
  t.match((await create(31)).error, { status: 409 });
  t.match((await create(30)).error, { status: 400, code: 'container.invalid-param-in-version' });
});
