/** Who may call the API, by tokens of the real Keystone. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { tokenHash } from '../../src/api/auth/static-tokens.ts';
import { arbitraryRequest, operationsOf } from '../api/arbitrary-request.ts';
import { isSnapshot, openWatcher } from '../api/watcher.ts';
import { until } from '../support/troupe.ts';
import { createCloud } from './cloud.ts';
import { createKeystoneSite, start } from './keystone-site.ts';
import { createSecondKeystone } from './second-keystone.ts';

t.setTimeout(180_000);
const cloud = await createCloud(t);
const keystone = await createKeystoneSite(t, cloud, { loginsMost: 60 });
/** Its tokens end soon, so that a test can wait for it. */
const brief = await createSecondKeystone(t, 4);
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [rita, mia, greg, ada, sam] = [
  await cloud.person('rita'),
  await cloud.person('mia'),
  await cloud.person('greg'),
  await cloud.person('ada'),
  await cloud.person('sam'),
];
await cloud.grant(rita, blue, 'reader');
await cloud.grant(mia, blue, 'member');
await cloud.grant(greg, green, 'member');
await cloud.grant(ada, green, 'admin');
await cloud.grant(sam, blue, 'service');
const bootstrapped = await keystone.bootstrap();
if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
await Promise.all([start(keystone, '--control-plane-only'), brief.start()]);
const told: string[] = [];
const tokenOf = async (...of: Parameters<typeof cloud.token>): Promise<string> => {
  const token = await cloud.token(...of);
  told.push(token);
  return token;
};
const { call } = keystone;
const container = { name: 'mine', image: 'busybox' };

t.test('a token says who calls, in which project, with which roles', async (t) => {
  const { json } = await call('GET', '/v1/identity', await tokenOf(mia, blue));
  t.match(json, {
    user_id: mia.id,
    user_name: mia.name,
    project_id: blue.id,
    project_name: blue.name,
    admin: false,
  });
  t.match((await call('GET', '/v1/identity', await tokenOf(ada, green))).json, {
    admin: true,
  });
});

t.test(
  'a member creates, a reader looks, an admin sees all; another project’s container is not there',
  async (t) => {
    const [reader, member, other, admin] = [
      await tokenOf(rita, blue),
      await tokenOf(mia, blue),
      await tokenOf(greg, green),
      await tokenOf(ada, green),
    ];
    const created = await call('POST', '/v1/containers', member, { body: container });
    t.equal(created.status, 202, created.text);
    const path = `/v1/containers/${String(created.json['uuid'])}`;
    t.match((await call('GET', path, member)).json, { project_id: blue.id, user_id: mia.id });

    t.match((await call('GET', path, reader)).json, { name: 'mine' });
    for (const [method, what, rule, body] of [
      ['POST', '/v1/containers', 'container:create', container],
      ['DELETE', path, 'container:delete'],
      ['POST', `${path}/start`, 'container:start'],
      ['GET', `${path}/attach`, 'container:attach'],
      ['POST', `${path}/execute?command=sh`, 'container:execute'],
      ['POST', `${path}/events`, 'troupe:events', { type: 'container.start' }],
    ] as const) {
      const refused = await call(method, what, reader, body ? { body } : {});
      t.equal(refused.status, 403, `${method} ${what}`);
      t.match(refused.text, `Policy doesn't allow ${rule} to be performed.`);
    }
    t.equal((await call('POST', '/v1/tickets', reader)).status, 201, 'it may watch');

    t.equal((await call('GET', path, other)).status, 404);
    t.equal((await call('DELETE', path, other)).status, 404);
    t.same((await call('GET', '/v1/containers', other)).json['containers'], []);
    t.match((await call('GET', path, admin)).json, { name: 'mine' });
    t.equal((await call('DELETE', `${path}?force=true`, admin)).status, 204);
  },
);

t.test('what is no token of a project is refused, in words', async (t) => {
  const none = await call('GET', '/v1/containers', null);
  t.equal(none.status, 401);
  t.equal(none.headers.get('www-authenticate'), `Keystone uri="${cloud.authUrl}"`);
  t.equal((await call('GET', '/v1/containers', 'nonsense')).status, 401);
  t.equal((await call('GET', '/v1/containers', 'x'.repeat(9_000))).status, 401);
  const unscoped = await call('GET', '/v1/containers', await tokenOf(mia, null));
  t.equal(unscoped.status, 403);
  t.match(unscoped.text, /This token is of no project; get one that is scoped to a project/);
  const roleless = await call('GET', '/v1/containers', await tokenOf(sam, blue));
  t.equal(roleless.status, 403);
  t.match(roleless.text, /has none of the roles admin, member, reader in project/);
});

t.test('a token that was revoked is refused once the window has passed, and its watcher goes', async (t) => {
  const token = await tokenOf(mia, blue);
  t.equal((await call('GET', '/v1/containers', token)).status, 200);
  const watcher = openWatcher(`${keystone.url}/v1/watch`, { token });
  await watcher.next(isSnapshot);
  await cloud.revoke(token);
  const refused = await until(
    'its refusal',
    () => call('GET', '/v1/containers', token),
    ({ status }) => status !== 200,
  );
  t.equal(refused.status, 401);
  t.match(await watcher.closed, { code: 1008, reason: 'The token has expired, or was revoked' });
});

t.test('a token that has ended is refused, but from a service that acts for its bearer', async (t) => {
  const token = await tokenOf(mia, blue, brief.authUrl);
  t.equal((await call('GET', '/v1/containers', token)).status, 200);
  const { status } = await until(
    'its end',
    () => call('GET', '/v1/containers', token),
    (answer) => answer.status !== 200,
  );
  t.equal(status, 401);
  const serviceToken = await tokenOf(sam, blue);
  t.match(await call('GET', '/v1/identity', token, { serviceToken }), {
    status: 200,
    json: { user_id: mia.id },
  });
  t.equal(
    (await call('GET', '/v1/identity', token, { serviceToken: await tokenOf(greg, green) })).status,
    401,
    'no service',
  );
  t.equal((await call('GET', '/v1/identity', token, { serviceToken: 'nonsense' })).status, 401);
});

t.test('the machine’s own admin goes on to work, other tokens of the site don’t', async (t) => {
  const state = join(keystone.site.directory, 'state');
  const own = readFileSync(join(state, 'admin.token'), 'utf8').trim();
  t.match((await call('GET', '/v1/identity', own)).json, { user_id: 'admin', admin: true });
  const { tokens } = JSON.parse(readFileSync(join(state, 'tokens.json'), 'utf8')) as { tokens: object[] };
  const names = { userId: 'x', userName: 'x', projectId: 'x', projectName: 'x', roles: ['admin'] };
  writeFileSync(
    join(state, 'tokens.json'),
    JSON.stringify({ tokens: [...tokens, { ...names, sha256: tokenHash('other') }] }),
  );
  t.equal((await call('GET', '/v1/identity', 'other')).status, 401);
  t.equal((await call('GET', '/v1/identity', own)).status, 200);
});

t.test('the login is in the document, and answers whatever it is asked', async (t) => {
  const { json } = await call('GET', '/v1/openapi.json', null);
  const login = operationsOf(json).find(({ method, path }) => method === 'POST' && path === '/v1/login')!;
  t.match(Object.keys(login.responses), ['200', '429', 'default']);
  const result = await fc.check(
    fc.asyncProperty(arbitraryRequest(login, []), async ({ body }) => {
      const { status, text } = await call('POST', '/v1/login', null, { body });
      if (![400, 401].includes(status)) throw new Error(`${status} ${text}`);
    }),
    { numRuns: 50 },
  );
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? 'every answer is one of its own');
  const hidden = { user: mia.name, password: [mia.password], token: { of: 'somebody' } };
  const refused = await call('POST', '/v1/login', null, { body: hidden });
  t.match(refused, { status: 400, text: /'password'. Value: '\*\*\*'/ });
  t.notMatch(refused.text, mia.password);
  const right = await call('POST', '/v1/login', null, { body: { user: mia.name, password: mia.password } });
  t.match(right, { status: 200, json: { token: /./, expires_at: /Z$/ } }, 'and lets in as before');
  told.push(String(right.json['token']));
});

t.test('no token and no password is in the log, and none is on the disk', async (t) => {
  const log = keystone.log();
  t.match(log, mia.id, 'who called is');
  t.ok(told.length > 8);
  for (const token of told) t.notOk(log.includes(token));
  for (const { password } of [rita, mia, greg, ada, sam]) t.notOk(log.includes(password));
  const own = /password: (\S+)/.exec(
    readFileSync(join(keystone.site.directory, 'state', 'clouds.yaml'), 'utf8'),
  )![1]!;
  t.notOk(log.includes(own));
  const store = join(keystone.site.directory, 'state', 'store', 'data.mdb');
  if (existsSync(store)) {
    const bytes = readFileSync(store);
    for (const token of told) t.notOk(bytes.includes(token));
  }
});

t.test('what was asked of Keystone is counted', async (t) => {
  const metrics = await (await fetch(`${keystone.url}/metrics`)).text();
  t.match(
    metrics,
    /troupe_cloud_request_duration_seconds_count\{service="Keystone",operation="validate",outcome="200"\} \d/,
  );
  t.match(
    metrics,
    /troupe_cloud_request_duration_seconds_count\{service="Keystone",operation="validate",outcome="404"\} \d/,
  );
});
