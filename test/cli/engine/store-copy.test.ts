/** A world that moves from one store to another and back, while its containers run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { startRedis } from '../../support/redis.ts';
import { createCommandSite, removeContainers, testImage } from './command-site.ts';

t.setTimeout(300_000);

t.test('embedded, Redis, embedded', async (t) => {
  const redis = await startRedis([], { password: 'hunter2' });
  t.teardown(() => redis.stop());
  const site = await createCommandSite(t);
  const file = (name: string, store: object, state: string): string => {
    const path = join(site.directory, name);
    writeFileSync(
      path,
      stringify({ state: { directory: join(site.directory, state) }, api: { port: site.port }, store }),
    );
    return path;
  };
  const password = join(site.directory, 'password');
  writeFileSync(password, 'hunter2\n');
  const onRedis = file(
    'redis.yaml',
    { kind: 'redis', redisUrl: redis.url, redisPasswordFile: password },
    'state',
  );
  const elsewhere = file('elsewhere.yaml', { kind: 'embedded' }, 'elsewhere');

  t.match(await site.run('up', '-d'), { code: 0 });
  const made = await site.run(
    'run',
    '-d',
    '--name',
    'kept',
    '-e',
    'SECRET=s3cret',
    testImage,
    'sleep',
    '600',
  );
  t.equal(made.code, 0, made.err);
  const before = await site.json<{ uuid: string; started_at: string }>('show', 'kept');
  const history = await site.json<readonly object[]>('history', 'kept');

  t.match(
    await site.run('store', 'copy', '--to', onRedis),
    { code: 2, err: /"troupe up" runs already on this state directory: process \d+/ },
    'not while it is up',
  );
  await site.run('down');
  t.match(await site.run('store', 'copy', '--to', onRedis), {
    code: 0,
    err: `The world has been copied; go on with it by "troupe --config ${onRedis} up"\n`,
  });
  t.match(
    await site.run('store', 'copy', '--to', onRedis),
    { code: 2, err: /not empty/ },
    'never over another',
  );

  t.match(await site.run('up', '-d', '--config', onRedis), { code: 0 });
  t.match(await site.json('doctor', '--config', onRedis), [
    { ok: true },
    { ok: true },
    { ok: true },
    { check: 'store', ok: true, detail: /./ },
  ]);
  t.match(await site.json('show', 'kept'), {
    uuid: before.uuid,
    started_at: before.started_at,
    environment: { SECRET: 's3cret' },
  });
  t.equal(
    JSON.stringify((await site.json<readonly object[]>('history', 'kept')).slice(0, history.length)),
    JSON.stringify(history),
  );
  await site.run('down', '--config', onRedis);

  // Another state directory: the key that opens what is sealed goes along.
  t.match(await site.run('store', 'copy', '--config', onRedis, '--to', elsewhere), { code: 0 });
  t.match(await site.run('up', '-d', '--config', elsewhere), { code: 0 });
  const moved = await site.json('show', 'kept', '--config', elsewhere);
  t.match(moved, { uuid: before.uuid, environment: { SECRET: 's3cret' } });
  await site.run('down', '--config', elsewhere);

  // The host's agent is of the first state directory.
  t.match(await site.run('up', '-d', '--config', onRedis), { code: 0 });
  await removeContainers(site);
  t.same(await site.json('audit'), []);
});

t.test('a target with a key of its own is refused', async (t) => {
  const site = await createCommandSite(t);
  const other = await createCommandSite(t);
  for (const each of [site, other]) {
    t.match(await each.run('up', '-d', '--control-plane-only'), { code: 0 });
    await each.run('down');
  }
  t.match(await site.run('store', 'copy', '--to', other.configFile), {
    code: 2,
    err: /is another site's key than/,
  });
});
