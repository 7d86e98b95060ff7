/**
 * kill -9 for real: Redis, dockerd, a control plane and an agent as processes.
 * All points are walked in the simulation; here a seeded sample on each run,
 * all of them with `--all`.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import t, { type Test } from 'tap';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { startRedis } from '../support/redis.ts';
import { createSite, docker, testImage, until, type Json, type TestSite } from '../support/troupe.ts';

const here = import.meta.dirname;
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000);
const all = process.argv.includes('--all') || process.env['CHAOS_ALL'] === '1';
const sample = 3;

const redis = await startRedis();
t.teardown(() => redis.stop());

interface Point {
  readonly victim: 'control plane' | 'agent';
  readonly when: 'before' | 'after';
  readonly number: number;
}

const ready = async (child: ChildProcess): Promise<void> => {
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
};

async function life(t: Test, point: Point | null): Promise<{ commits: number }> {
  if (point) t.setTimeout(120_000);
  const site: TestSite = await createSite([
    'store.kind=redis', `store.redisUrl=${redis.url}`, `store.redisPrefix=chaos${point ? `${point.victim}${point.when}${point.number}` : ''}:`,
    'host.lostMs=6000', 'link.leaseMs=3000',
  ]); // prettier-ignore
  t.teardown(() => site.clean());
  const crashAt = point ? `${point.when}:${point.number}` : 'never:0';
  const control = (crash: string): ChildProcess =>
    site.start(join(here, 'control-plane-process.js'), site.settings, { CRASH_AT: crash });

  let plane = control(point?.victim === 'control plane' ? crashAt : 'never:0');
  await ready(plane);
  // One that died before it could give a token is started again, as its supervisor would.
  const revive = async (): Promise<void> => {
    if (plane.signalCode === null && plane.exitCode === null) return;
    plane = control('never:0');
    await ready(plane);
  };
  await revive();
  plane.send('token');
  const [{ token }] = (await once(plane, 'message')) as [{ token: string }];
  const agentSettings = [...site.settings, `agent.controlUrl=${site.api.url.replace('http', 'ws')}`];
  let agent = site.start(join(here, 'agent-process.js'), agentSettings, {
    JOIN: token,
    CRASH_AT: point?.victim === 'agent' ? crashAt : 'never:0',
  });
  const watchman = setInterval(() => {
    if (plane.signalCode !== null) plane = control('never:0');
    if (agent.signalCode !== null)
      agent = site.start(join(here, 'agent-process.js'), agentSettings, { JOIN: token });
  }, 100);
  t.teardown(() => clearInterval(watchman));

  const { api } = site;
  await until(
    'an online host',
    () => api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
    (answer) => answer?.body.hosts?.[0]?.state === 'online',
  );
  const show = () => api.call('GET', `/v1/containers/${uuid}`);
  const reach = (wanted: string) =>
    until(wanted, show, (answer) =>
      wanted === 'gone' ? answer?.status === 404 : answer?.status === 200 && answer.body.status === wanted,
    );
  /** As a client does: asks again when it was not answered. */
  const insist = (method: 'POST' | 'DELETE', path: string, body?: object, headers?: Record<string, string>) =>
    until(
      `${method} ${path}`,
      () => api.call(method, path, body, headers),
      (answer) => answer !== null && answer.status < 500,
    );
  const ours = async () => {
    const found = await docker.listContainers({
      all: true,
      filters: { label: [`troupe.container-id=${uuid}`] },
    });
    return found.map(({ Id }) => Id);
  };

  const body = {
    name: 'chaos',
    image: testImage,
    command: ['sleep', '600'],
    memory: 32,
    labels: { 'troupe-test': 'chaos' },
  };
  const created = await insist('POST', '/v1/containers?run=true', body, { 'idempotency-key': 'the-key' });
  t.equal(created?.status, 202);
  const { uuid } = created!.body as Json;
  t.teardown(async () => {
    for (const id of await ours()) await docker.getContainer(id).remove({ force: true, v: true });
  });
  await reach('Running');
  const [engineId, ...others] = await ours();
  t.same(others, [], 'never two');
  const startedAt = async () => (await docker.getContainer(engineId!).inspect()).State.StartedAt;
  const first = await startedAt();
  await until(
    'both processes',
    async () => [plane.signalCode, agent.signalCode],
    (codes) => codes.every((code) => code === null),
  );
  t.equal(await startedAt(), first, 'a running container is not restarted');
  await insist('POST', `/v1/containers/${uuid}/stop?timeout=0`);
  await reach('Stopped');
  await insist('POST', `/v1/containers/${uuid}/start`);
  await reach('Running');
  t.equal((await ours()).length, 1);
  await insist('DELETE', `/v1/containers/${uuid}?stop=true&timeout=0`);
  await reach('gone');
  t.same(await ours(), []);
  await until(
    'an empty ledger',
    () => api.call<{ audit: unknown[] }>('GET', '/v1/audit'),
    (answer) => answer?.status === 200 && answer.body.audit.length === 0,
  );
  if (plane.signalCode !== null) return { commits: 0 };
  const told = once(plane, 'message');
  plane.send('commits');
  const [{ commits }] = (await told) as [{ commits: number }];
  return { commits };
}

t.setTimeout(1_800_000);

t.test('kill -9 at any commit and any engine call converges', async (t) => {
  t.setTimeout(1_700_000);
  const { commits } = await life(t, null);
  t.ok(commits > 8, `${commits} commits`);
  const points: Point[] = [];
  for (const when of ['before', 'after'] as const) {
    for (let number = 1; number <= commits; number += 1)
      points.push({ victim: 'control plane', when, number });
    for (let number = 1; number <= 5; number += 1) points.push({ victim: 'agent', when, number });
  }
  const generator = xoroshiro128plus(seed);
  const chosen = all
    ? points
    : Array.from({ length: sample * 2 }, (_, index) => {
        const some = points.filter(({ victim }) => victim === (index % 2 === 0 ? 'control plane' : 'agent'));
        return some[(generator.next() >>> 0) % some.length]!;
      });
  t.comment(
    `seed ${seed}, ${chosen.length} of ${points.length} points; CHAOS_SEED=${seed} for the same, --all for all`,
  );
  for (const point of chosen) {
    await t.test(
      `${point.victim} killed ${point.when} ${point.victim === 'agent' ? 'engine call' : 'commit'} ${point.number}`,
      (t) => life(t, point).then(() => {}),
    );
  }
});
