/**
 * `troupe store copy` with real processes: from the embedded store to Redis and
 * back, while one agent and its containers run on.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCli, type Cli, type RunningCommand } from '../support/cli.ts';
import { docker, testImage, until } from '../support/troupe.ts';
import { freePort, startRedis } from '../support/redis.ts';
import { Redis } from 'ioredis';
import { request } from 'undici';

interface Listed {
  readonly uuid: string;
  readonly name: string;
  readonly status: string;
}

t.setTimeout(400_000);
const redis = await startRedis();
t.teardown(() => redis.stop());

/** Starts a control plane and waits until it is ready. */
async function up(config: string, cli: Cli, port: number): Promise<RunningCommand> {
  const plane = cli.start('--config', config, 'up', '--control-plane-only');
  await until(
    'a ready control plane',
    async () => ({ ready: await isReady(port), ended: plane.child.exitCode, output: plane.output() }),
    ({ ready, ended }) => ready || ended !== null,
  );
  if (plane.child.exitCode !== null) throw new Error(plane.output());
  return plane;
}

async function isReady(port: number): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/readyz`);
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

async function stop(plane: RunningCommand): Promise<void> {
  plane.child.kill('SIGTERM');
  const { code, err } = await plane.ended;
  if (code !== 0) throw new Error(`It ended with ${code}: ${err}`);
}

t.test('a world moves to Redis and back; agent and containers do not notice', async (t) => {
  t.setTimeout(240_000);
  const cli = createCli(t);
  const port = await freePort();
  const here = join(cli.directory, 'here');
  const api = { port };
  const store = { kind: 'redis', redisUrl: redis.url, redisPrefix: 'copy:' };
  const embedded = cli.configure('embedded', { state: { directory: here }, api });
  const shared = cli.configure('shared', { state: { directory: here }, api, store });
  const back = cli.configure('back', { state: { directory: join(cli.directory, 'back') }, api });
  const agentConfig = cli.configure('agent', {
    state: { directory: join(cli.directory, 'agent') },
    agent: { controlUrl: `ws://127.0.0.1:${port}` },
  });

  // ── a small world ──
  let plane = await up(embedded, cli, port);
  const token = (await cli.run('--config', embedded, 'join-token')).out.trim();
  const unused = (await cli.run('--config', embedded, 'join-token')).out.trim();
  const agent = cli.start('--config', agentConfig, 'agent', '--join', token);
  const hosts = (config: string) =>
    cli.json<readonly { uuid: string; state: string }[]>('--config', config, 'hosts').catch(() => []);
  const online = (config: string) =>
    until(
      'an online host',
      () => hosts(config),
      (found) => found.some(({ state }) => state === 'online'),
    );
  const [host] = await online(embedded);
  const create = async (name: string): Promise<void> => {
    const ran = await cli.run(
      '--config',
      embedded,
      'run',
      '-d',
      '--name',
      name,
      '-l',
      cli.label,
      '-e',
      'SECRET=s3',
      testImage,
      'sleep',
      '600',
    );
    t.equal(ran.code, 0, ran.err);
  };
  for (const name of ['living', 'stopped', 'deleted']) await create(name);
  t.equal((await cli.run('--config', embedded, 'stop', 'stopped')).code, 0);
  t.equal((await cli.run('--config', embedded, 'rm', '--force', '--wait', 'deleted')).code, 0);
  const list = (config: string) => cli.json<readonly Listed[]>('--config', config, 'list');
  const settled = (config: string) =>
    until(
      'stopped',
      () => list(config),
      (found) => found.every(({ name, status }) => status === (name === 'living' ? 'Running' : 'Stopped')),
    );
  await settled(embedded);
  const before = await list(embedded);
  t.same(before.map(({ name }) => name).sort(), ['living', 'stopped']);
  const history = (config: string, name: string) =>
    cli.json<readonly object[]>('--config', config, 'history', name);
  const told = { living: await history(embedded, 'living'), stopped: await history(embedded, 'stopped') };
  const engine = await cli.containers();
  t.equal(engine.length, 2);
  const labels = await worldsOf(engine);
  t.equal(labels.length, 1, 'one world');

  // ── refusals ──
  const refused = await cli.run('--config', embedded, 'store', 'copy', '--to', shared);
  t.equal(refused.code, 2);
  t.match(refused.err, new RegExp(`process ${plane.child.pid}`), 'it names who is up');
  const nowhere = cli.configure('nowhere', { state: { directory: join(cli.directory, 'nowhere') } });
  const nobody = await cli.run('--config', nowhere, 'store', 'copy', '--to', back);
  t.equal(nobody.code, 2);
  t.match(nobody.err, /There is no world to copy/);
  t.ok(await isReady(port), 'nothing happened to the one that runs');

  // ── embedded → Redis ──
  await stop(plane);
  const copied = await cli.run('--config', embedded, 'store', 'copy', '--to', shared);
  t.equal(copied.code, 0, copied.err);
  const again = await cli.run('--config', embedded, 'store', 'copy', '--to', shared);
  t.equal(again.code, 2);
  t.match(again.err, /is not empty/);

  const checks = async (t: Test, config: string): Promise<void> => {
    const [same] = await online(config);
    t.equal(same?.uuid, host?.uuid, 'the agent is the same host, without joining again');
    t.equal((await hosts(config)).length, 1);
    await settled(config);
    t.same(pick(await list(config)), pick(before));
    for (const name of ['living', 'stopped'] as const) {
      const now = await history(config, name);
      t.same(now.slice(0, told[name].length), told[name], `the history of "${name}"`);
    }
    const missing = await cli.run('--config', config, 'show', 'deleted');
    t.equal(missing.code, 3);
    t.same(sorted(await cli.containers()), sorted(engine), 'nothing was restarted, made or removed');
    t.same(await cli.json('--config', config, 'audit'), []);
  };
  plane = await up(shared, cli, port);
  await checks(t, shared);
  const epochs = [await epochOf(port)];
  const client = new Redis(redis.url);
  t.teardown(() => client.disconnect());
  const settings = Object.keys(await client.hgetall('copy:{world}:settings'));
  t.equal(
    settings.filter((key) => key.startsWith('join/')).length,
    1,
    'the token that nobody used is good still',
  );
  t.equal(settings.filter((key) => key.startsWith('credential/')).length, 1);
  t.ok(unused.startsWith('troupe-join-'));
  t.match(await client.hget('copy:{world}', 'id'), labels[0]);
  const members = await client.smembers('copy:{t:admin}:members');
  const own = members.filter((address) => /^(container|tenant)\//.test(address));
  t.equal(own.length, 4, 'tombstones came along');

  // ── Redis → embedded, by a machine that knows nothing of the control plane that is up ──
  const elsewhere = cli.configure('elsewhere', {
    state: { directory: join(cli.directory, 'elsewhere') },
    api,
    store,
  });
  const keyless = await cli.run('--config', elsewhere, 'store', 'copy', '--to', back);
  t.equal(keyless.code, 2);
  t.match(keyless.err, /no site key/);
  t.ok(await isReady(port));
  copyFileSync(join(here, 'site.key'), join(cli.directory, 'elsewhere', 'site.key'));
  const fencing = await cli.run('--config', elsewhere, 'store', 'copy', '--to', back);
  t.equal(fencing.code, 0, fencing.err);
  const fenced = await plane.ended;
  t.equal(fenced.code, 7, 'the one that was up is fenced, and ends with an error');
  t.match(fenced.err, /newer owner/);
  t.equal(
    readFileSync(join(cli.directory, 'back', 'site.key'), 'utf8'),
    readFileSync(join(here, 'site.key'), 'utf8'),
  );
  plane = await up(back, cli, port);
  await checks(t, back);
  epochs.push(await epochOf(port));
  t.ok(epochs[1]! > epochs[0]!, `epochs ${epochs.join()}`);

  // ── and it is a world like any other ──
  t.equal((await cli.run('--config', back, 'start', 'stopped')).code, 0);
  await until(
    'running',
    () => list(back),
    (found) => found.every(({ status }) => status === 'Running'),
  );
  t.equal((await cli.run('--config', back, 'rm', '--force', '--wait', 'living', 'stopped')).code, 0);
  t.same(await cli.containers(), []);
  await stop(plane);
  await agent.kill();
});

t.test('another key, or an actor that can’t be read: nothing is copied, and it is said why', async (t) => {
  t.setTimeout(120_000);
  const cli = createCli(t);
  const port = await freePort();
  const store = { kind: 'redis', redisUrl: redis.url, redisPrefix: 'bad:' };
  const source = cli.configure('source', {
    state: { directory: join(cli.directory, 'source') },
    api: { port },
    store,
  });
  const target = cli.configure('target', {
    state: { directory: join(cli.directory, 'target') },
    api: { port },
  });
  await stop(await up(source, cli, port));
  await stop(await up(target, cli, port));
  const full = await cli.run('--config', source, 'store', 'copy', '--to', target);
  t.equal(full.code, 2);
  t.match(full.err, /is not empty/);

  const other = cli.configure('other', { state: { directory: join(cli.directory, 'other') } });
  const otherKey = join(cli.directory, 'other', 'site.key');
  await cli.run('--config', other, 'config');
  t.equal(
    (await cli.run('--config', other, 'store', 'copy', '--to', source)).code,
    2,
    'there is nothing in it',
  );
  writeFileSync(otherKey, `${Buffer.alloc(32).toString('base64')}\n`);
  const foreign = await cli.run('--config', source, 'store', 'copy', '--to', other);
  t.equal(foreign.code, 2);
  t.match(foreign.err, /another site's key/);

  const client = new Redis(redis.url);
  t.teardown(() => client.disconnect());
  await client.sadd('bad:{world}:shards', 't:p1');
  await client.sadd('bad:{t:p1}:members', 'container/p1/c1');
  const empty = cli.configure('empty', { state: { directory: join(cli.directory, 'empty') } });
  const unreadable = await cli.run('--config', source, 'store', 'copy', '--to', empty);
  t.equal(unreadable.code, 7);
  t.match(unreadable.err, /"container\/p1\/c1" can't be read/);
  await client.srem('bad:{t:p1}:members', 'container/p1/c1');
  t.notOk(existsSync(join(cli.directory, 'empty', 'site.key')), 'nothing was written');
  t.equal(
    (await cli.run('--config', source, 'store', 'copy', '--to', empty)).code,
    0,
    'mended, it is copied',
  );
});

const pick = (listed: readonly Listed[]) =>
  listed.map(({ uuid, name, status }) => ({ uuid, name, status })).sort((a, b) => (a.name < b.name ? -1 : 1));

const sorted = (containers: Awaited<ReturnType<Cli['containers']>>) =>
  [...containers].sort((a, b) => (a.id < b.id ? -1 : 1));

async function worldsOf(containers: Awaited<ReturnType<Cli['containers']>>): Promise<readonly string[]> {
  const worlds = await Promise.all(
    containers.map(
      async ({ id }) => (await docker.getContainer(id).inspect()).Config.Labels['troupe.world'] ?? '',
    ),
  );
  return [...new Set(worlds)];
}

async function epochOf(port: number): Promise<number> {
  const { body } = await request(`http://127.0.0.1:${port}/readyz?verbose`);
  const { checks } = (await body.json()) as { checks: readonly { name: string; detail: string }[] };
  return Number(/epoch (\d+)/.exec(checks.find(({ name }) => name === 'owner')?.detail ?? '')?.[1]);
}
