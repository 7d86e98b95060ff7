/** Keystone goes away, comes back, and answers what it should not: words, and no limbo. */
import t from 'tap';
import { until } from '../support/troupe.ts';
import { createCloud } from './cloud.ts';
import { createFaultProxy, type Fault } from './fault-proxy.ts';
import { createKeystoneSite, start, type Answer } from './keystone-site.ts';
import { createSecondKeystone } from './second-keystone.ts';

t.setTimeout(180_000);
const cloud = await createCloud(t);
const keystone = await createSecondKeystone(t, 12);
await keystone.start();
const proxy = await createFaultProxy(t, keystone.authUrl);
const site = await createKeystoneSite(t, cloud);
const bootstrapped = await site.bootstrap();
if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
site.leadTo(proxy.url);
await start(site, '--control-plane-only');
const blue = await cloud.project('blue');
const mia = await cloud.person('mia');
await cloud.grant(mia, blue, 'member');
const list = (token: string): Promise<Answer> => site.call('GET', '/v1/containers', token);
const awaitStatus = (what: string, token: string, wanted: number): Promise<Answer> =>
  until(
    what,
    () => list(token),
    ({ status }) => status === wanted,
  );

t.test(
  'a service that fails is told in words, with when to ask again; what was known goes on to count',
  async (t) => {
    const known = await cloud.token(mia, blue);
    const faults: readonly (readonly [Fault, RegExp])[] = [
      [401, /does not take (the token|Troupe’s own credentials)/],
      [403, /Troupe’s own user may not ask Keystone .*; give it the role \\?"service/],
      [500, /answers with 500/],
      [503, /answers with 503/],
      ['hang', /has not answered within 2000 ms/],
      ['page', /something that isn't JSON; is it the service, or a proxy before it/],
      ['nonsense', /something that is no token of its version 3; is it Keystone/],
      ['cut', /can't be reached/],
    ];
    for (const [fault, words] of faults) {
      t.equal((await awaitStatus('the known token', known, 200)).status, 200);
      const unknown = await cloud.token(mia, blue);
      proxy.fault = fault;
      const answer = await list(unknown);
      t.equal(answer.status, 503, `${fault}`);
      t.match(answer.text, words);
      t.match(answer.headers.get('retry-after'), /^\d+$/);
      t.equal((await list(known)).status, 200, `${fault}: it was known`);
      proxy.fault = null;
      await awaitStatus(`${fault}: the unknown token is let in once that is over`, unknown, 200);
    }
  },
);

t.test('what a service goes on failing it is not asked for a while, and then again', async (t) => {
  proxy.onlyAt = /^GET \S*\/auth\/tokens/;
  proxy.fault = 500;
  const unknown = await cloud.token(mia, blue);
  await until(
    'the pause',
    () => list(unknown),
    ({ text }) => /has failed 5 times in a row/.test(text),
  );
  const body = { user: mia.name, password: mia.password };
  t.equal(
    (await site.call('POST', '/v1/login', null, { body })).status,
    200,
    'what it does not fail goes on',
  );
  proxy.seen.length = 0;
  t.equal((await list(unknown)).status, 503);
  t.same(proxy.seen, [], 'nothing was asked');
  proxy.onlyAt = null;
  proxy.fault = null;
  await awaitStatus('the end of the pause', unknown, 200);
});

t.test('the request’s id goes along, so that both logs tell of one request', async (t) => {
  proxy.seen.length = 0;
  const { headers } = await list(await cloud.token(mia, blue));
  const asked = proxy.seen.find(({ path }) => path.startsWith('/v3/auth/tokens?'));
  t.equal(asked?.headers['x-openstack-request-id'], headers.get('x-openstack-request-id'));
});

t.test(
  'Keystone is killed: a known token counts until it ends, an unknown one is 503; it comes back',
  async (t) => {
    const [known, unknown] = [await cloud.token(mia, blue, keystone.authUrl), await cloud.token(mia, blue)];
    t.equal((await list(known)).status, 200);
    await keystone.kill();
    const refused = await list(unknown);
    t.equal(refused.status, 503);
    t.match(refused.headers.get('retry-after'), /^\d+$/);
    t.equal((await list(known)).status, 200);
    const ended = await until(
      'the end of the token',
      () => list(known),
      ({ status }) => status !== 200,
    );
    t.equal(ended.status, 503, 'nobody can say any more what it is');
    t.match(ended.headers.get('retry-after'), /^\d+$/);
    await keystone.start();
    await awaitStatus('the unknown one, once Keystone is back', unknown, 200);
    t.equal((await list(known)).status, 401, 'it has ended');
  },
);

t.test(
  'a Keystone that is away at start ends nothing; credentials that it refuses do, in one line',
  async (t) => {
    t.equal((await site.site.run('down')).code, 0);
    proxy.fault = 'cut';
    await start(site, '--control-plane-only');
    const token = await cloud.token(mia, blue);
    t.equal((await list(token)).status, 503);
    proxy.fault = null;
    await awaitStatus('its return', token, 200);
    t.equal((await site.site.run('down')).code, 0);
    proxy.fault = 401;
    const { code, err } = await site.site.run('up', '--detach', '--control-plane-only');
    t.equal(code, 2);
    t.match(
      err,
      /"auth\.cloud" \(from default\) leads to credentials that are not taken: Keystone at http.* \(401\)/,
    );
  },
);
