/** A value of the environment is its owner's business: it is in no history, watch, log or error, and rests sealed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { full } from './held-store.ts';
import { createApiSite } from './site.ts';
import { until } from './until.ts';
import { isSnapshot } from './watcher.ts';

const secret = 'correct-horse-battery-staple';

t.test('a secret is told to its owner, its admin and its engine, and nobody else', async (t) => {
  const site = await createApiSite(t);
  const [host] = site.hosts;
  const told: string[] = [];
  const call: typeof site.call = async (...args) => {
    const answer = await site.call(...args);
    told.push(answer.text, JSON.stringify(answer.headers));
    return answer;
  };
  const watchers = [site.watch(), site.watch({ all_projects: true }, 'root')];
  for (const watcher of watchers) await watcher.next(isSnapshot);

  const body = {
    image: 'busybox',
    name: 'keeper',
    environment: { PASSWORD: secret },
    restart_policy: { Name: 'on-failure', MaximumRetryCount: 1 },
  };
  const created = await site.call('POST', '/v1/containers?run=true', {
    body,
    headers: { 'idempotency-key': 'k' },
  });
  const uuid = String(created.json['uuid']);
  t.match(created.json, { environment: { PASSWORD: secret } }, 'as Zun shows it to its owner');
  await site.reach(uuid, 'Running');
  host!.driver.exit(uuid, 1);
  await site.reach(uuid, 'Restarting');
  await site.clock.advance(1_000);
  await site.reach(uuid, 'Running');
  host!.driver.failNext('stopContainer', new TroupeError('ENGINE_ERROR', 'It will not'));
  await call('POST', `/v1/containers/${uuid}/stop`);
  await until(
    async () => (await site.call('GET', `/v1/containers/${uuid}`)).json['status_reason'] === 'It will not',
  );

  // Every way to be refused with the secret in hand.
  for (const environment of [{ PASSWORD: [secret] }, { PASSWORD: { secret } }, [secret], secret])
    t.equal((await call('POST', '/v1/containers', { body: { ...body, environment } })).status, 400);
  t.equal(
    (
      await call('POST', '/v1/containers', {
        body: { ...body, name: 'other' },
        headers: { 'idempotency-key': 'k' },
      })
    ).status,
    409,
  );
  t.equal((await call('POST', '/v1/containers', { body: { ...body, image: 7 } })).status, 400);
  t.equal((await call('POST', '/v1/containers', { body: { ...body, host: 'x' } })).status, 403);
  t.equal(
    (
      await call('POST', '/v1/containers', {
        body: `{"environment": {"PASSWORD": "${secret}"}`,
        headers: { 'content-type': 'application/json' },
      })
    ).status,
    400,
  );
  t.equal(
    (
      await call('POST', '/v1/containers', {
        body: JSON.stringify(body),
        headers: { 'content-type': 'text/plain' },
      })
    ).status,
    415,
  );
  t.equal((await call('GET', `/v1/containers/${uuid}`, { as: 'bob' })).status, 404);
  site.store.outcome = full;
  t.equal((await call('POST', '/v1/containers', { body })).status, 503);
  site.store.outcome = null;
  await site.clock.advance(10_000);
  await until(async () => (await site.call('GET', '/readyz')).status === 200);

  for (const path of [
    `/v1/containers/${uuid}/history?limit=1000`, `/v1/containers/${uuid}/lifecycle`, '/v1/tenants/p1/history?limit=1000', '/v1/tenants/p1/lifecycle',
    '/v1/hosts/host1/history?limit=1000', '/v1/hosts/host1/lifecycle', '/v1/hosts', '/v1/audit', '/v1/quarantine', '/metrics', '/readyz?verbose',
    '/v1/statecharts/container',
  ]) t.equal((await call('GET', path, { as: 'root' })).status, 200, path); // prettier-ignore
  await site.restart();
  await site.reach(uuid, 'Running');
  t.match(
    (await site.call('GET', `/v1/containers/${uuid}`)).json,
    { environment: { PASSWORD: secret } },
    'it outlives a restart',
  );
  await call('DELETE', `/v1/containers/${uuid}?stop=true`);
  await site.gone(uuid);
  await call('GET', `/v1/containers/${uuid}/history?limit=1000`);
  await until(() => site.controlPlane.stats().mailboxDepth === 0);

  t.ok(told.length > 40);
  t.ok(watchers[0]!.frames.length > 10);
  const leaks = (where: string, texts: readonly string[]): boolean =>
    t.same(
      texts.filter((text) => text.includes(secret)).map((text) => text.slice(0, 300)),
      [],
      where,
    );
  leaks('answers', told);
  leaks(
    'watchers',
    watchers.flatMap(({ frames }) => frames.map((frame) => JSON.stringify(frame))),
  );
  leaks('logs', site.logged);
  const files = readdirSync(site.directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  t.ok(
    files.some(({ name }) => name === 'data.mdb' || name === 'world'),
    files.map(({ name }) => name).join(),
  );
  leaks(
    'the disk',
    files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')),
  );
});
