/** Version documents, microversions, request ids and who is let in. */
import t from 'tap';
import { createApiSite } from './site.ts';

const site = await createApiSite(t, { hosts: 0 });

const version = (base: string) => ({
  id: 'v1',
  status: 'CURRENT',
  max_version: '1.40',
  min_version: '1.1',
  links: [{ href: `${base}/v1/`, rel: 'self' }],
});

t.test('the root lists the version, to everyone, whatever version is asked for', async (t) => {
  for (const asked of [null, 40, 'container 1.99', 'nonsense']) {
    const { status, json, headers } = await site.call('GET', '/', {
      as: null,
      version: asked,
      headers: { host: 'cloud.example:9517' },
    });
    t.equal(status, 200);
    t.same(json, {
      name: 'OpenStack Zun API',
      description: 'Zun is an OpenStack project which aims to provide containers service.',
      versions: [version('http://cloud.example:9517')],
      default_version: version('http://cloud.example:9517'),
    });
    t.equal(headers['openstack-api-version'], undefined);
    t.match(headers['x-openstack-request-id'], /^req-[0-9a-f-]{36}$/);
  }
});

t.test('the document of v1 is open to everyone, and names every collection of Zun', async (t) => {
  for (const path of ['/v1', '/v1/', '//v1//']) {
    const { status, json } = await site.call('GET', path, { as: null, headers: { host: 'h:1' } });
    t.equal(status, 200, path);
    const { id, media_types: mediaTypes, links, ...collections } = json;
    t.equal(id, 'v1');
    t.same(mediaTypes, [{ base: 'application/json', type: 'application/vnd.openstack.zun.v1+json' }]);
    t.same(links, [
      { href: 'http://h:1/v1/', rel: 'self' },
      {
        href: 'https://docs.openstack.org/developer/zun/dev/api-spec-v1.html',
        rel: 'describedby',
        type: 'text/html',
      },
    ]);
    const names = 'containers services images networks hosts capsules availability_zones quotas quota_classes registries'; // prettier-ignore
    t.same(
      collections,
      Object.fromEntries(
        names.split(' ').map((name) => [
          name,
          [
            { href: `http://h:1/v1/${name}/`, rel: 'self' },
            { href: `http://h:1/${name}/`, rel: 'bookmark' },
          ],
        ]),
      ),
    );
  }
});

t.test('a version is negotiated by the header', async (t) => {
  const range = {
    'openstack-api-minimum-version': 'container 1.1',
    'openstack-api-maximum-version': 'container 1.40',
    vary: 'OpenStack-API-Version',
  };
  const spoken: readonly (readonly [string | null, string])[] = [
    [null, '1.1'],
    ['container 1.1', '1.1'],
    ['container 1.12', '1.12'],
    ['container 1.40', '1.40'],
    ['container latest', '1.40'],
    ['container LATEST', '1.40'],
  ];
  for (const [asked, used] of spoken) {
    const { status, headers } = await site.call('GET', '/v1/containers', { version: asked });
    t.equal(status, 200, `${asked}`);
    t.match(headers, { ...range, 'openstack-api-version': `container ${used}` }, `${asked}`);
  }
  const refused = ['container 1.41', 'container 1.0', 'container 2.1', 'container 0.1', 'compute 2.1', 'container', '1.5',
    'container 1.x', 'container 1', 'container 1.5 1.6', 'container -1.5', 'container 1.1e1', 'container 1.5.1']; // prettier-ignore
  for (const asked of refused) {
    const { status, headers, error } = await site.call('GET', '/v1/containers', { version: asked });
    t.equal(status, 406, asked);
    t.match(headers, range, `${asked} is told what there is`);
    t.match(error, {
      status: 406,
      code: 'container.',
      max_version: '1.40',
      min_version: '1.1',
      links: [{ rel: 'help', href: /^https:/ }],
    });
  }
});

t.test('errors carry the headers of the version as well', async (t) => {
  for (const [path, status] of [
    ['/v1/containers/unknown', 404],
    ['/v1/containers?limit=0', 400],
    ['/v1/containers?all_projects=1', 403],
  ] as const) {
    const { headers, status: answered } = await site.call('GET', path, { version: 20 });
    t.equal(answered, status);
    t.match(headers, {
      'openstack-api-version': 'container 1.20',
      'openstack-api-minimum-version': 'container 1.1',
      'openstack-api-maximum-version': 'container 1.40',
      vary: 'OpenStack-API-Version',
    });
  }
  t.equal((await site.call('GET', '/v1/hosts', { as: 'root', version: 3 })).status, 406, 'not in 1.3');
  t.equal((await site.call('GET', '/v1/hosts', { as: 'root', version: 4 })).status, 200);
});

t.test('every request has an id of ours; the caller’s own is for the log only', async (t) => {
  const given = 'req-11111111-2222-4333-8444-555555555555';
  for (const id of [undefined, given, 'req-short', `${given}\t`, 'x'.repeat(5_000)]) {
    const before = site.logged.length;
    const { headers, error } = await site.call('GET', '/v1/containers/unknown', {
      headers: id === undefined ? {} : { 'x-openstack-request-id': id },
    });
    const mine = headers['x-openstack-request-id']!;
    t.match(mine, /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    t.not(mine, id);
    t.equal(error['request_id'], mine, 'the error names it');
    const lines = site.logged.slice(before).map((line) => JSON.parse(line) as Record<string, unknown>);
    t.match(lines.at(-1), { request_id: mine, project_id: 'p1', user_id: 'ann', status: 404 });
    t.equal(lines.at(-1)!['global_request_id'], id === given ? given : undefined);
  }
});

t.test('without a token that is known nobody is let in, wherever they go', async (t) => {
  const paths = ['/v1/containers', '/v1/containers/x', '/v1/containers/x/logs', '/v1/hosts', '/v1/statecharts/container',
    '/v1/tenants/p1/lifecycle', '/v1/audit', '/v1/nothing', '/nothing']; // prettier-ignore
  for (const path of paths) {
    for (const headers of [{}, { 'x-auth-token': '' }, { 'x-auth-token': 'token-of-ann ' + 'x' }] as Record<
      string,
      string
    >[]) {
      const { status, json, headers: answered } = await site.call('GET', path, { as: null, headers });
      t.equal(status, 401, path);
      t.same(json, {
        error: {
          code: 401,
          title: 'Unauthorized',
          message: 'The request you have made requires authentication.',
        },
      });
      t.match(answered['www-authenticate'], /^Keystone uri="/);
      t.match(answered['x-openstack-request-id'], /^req-/);
    }
  }
  for (const [method, path] of [
    ['POST', '/v1/containers'],
    ['DELETE', '/v1/containers/x'],
    ['POST', '/v1/tickets'],
    ['POST', '/v1/join_tokens'],
    ['PUT', '/v1/containers'],
  ] as const)
    t.equal((await site.call(method, path, { as: null })).status, 401, `${method} ${path}`);
});

t.test('identity headers of a client are never looked at', async (t) => {
  const forged = {
    'x-user-id': 'root',
    'x-user-name': 'root',
    'x-project-id': 'p2',
    'x-tenant-id': 'p2',
    'x-roles': 'admin',
    'x-role': 'admin',
    'x-is-admin-project': 'True',
    'x-identity-status': 'Confirmed',
    'x-service-token': 'x',
  };
  t.equal((await site.call('GET', '/v1/containers', { as: null, headers: forged })).status, 401);
  t.equal((await site.call('GET', '/v1/audit', { headers: forged })).status, 403);
  const { json } = await site.call('POST', '/v1/containers', {
    headers: forged,
    body: { image: 'busybox' },
  });
  t.match(json, { project_id: 'p1', user_id: 'ann' });
});

t.test('a token is never logged', (t) => {
  for (const user of ['ann', 'root'] as const)
    t.notOk(site.logged.some((line) => line.includes(site.token(user))));
  t.end();
});
