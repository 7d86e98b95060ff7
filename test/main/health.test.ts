/** Health checks by http and tcp of containers on networks of their own, for real. */
import t from 'tap';
import { ensureDocker } from '../support/docker.ts';
import { needRoot } from '../support/need-root.ts';
import { createNetworkSite, type Container } from '../support/network-site.ts';
import { until } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(300_000);

const site = await createNetworkSite(t);
await site.up();

const timing = { interval: 1, timeout: 2, retries: 2 };

const health = async (uuid: string, wanted: string): Promise<Container> => {
  const answer = await until(
    `${uuid} to be ${wanted}`,
    () => site.api.call<Container>('GET', `/v1/containers/${uuid}`),
    (given) => given?.body['health'] === wanted,
  );
  return answer!.body;
};

t.test('http: by what a path answers, also after kill -9 of all of Troupe', async (t) => {
  const { uuid } = await site.run('web', {
    command: ['sh', '-c', 'mkdir /www; touch /www/well; exec httpd -f -p 8080 -h /www'],
    healthcheck: { type: 'http', port: 8080, path: '/well', expected_statuses: [200], ...timing },
  });
  const well = await health(uuid, 'healthy');
  t.same(well['healthcheck'], {
    test: null,
    ...timing,
    type: 'http',
    port: 8080,
    path: '/well',
    expected_statuses: ['200'],
    start_period: 0,
    success_threshold: 1,
  });
  t.same(well['lifecycle_state'], ['running.healthy']);
  await site.inside(uuid, 'rm', '/www/well');
  const sick = await health(uuid, 'unhealthy');
  t.match(sick, { status: 'Running', status_reason: /GET \/well at .*:8080 answered 404/ });
  await site.kill();
  await site.inside(uuid, 'touch', '/www/well');
  await site.up();
  t.same((await health(uuid, 'healthy'))['lifecycle_state'], ['running.healthy']);
  await site.remove(uuid);
});

t.test('tcp: by whether a connection is accepted; not while it is paused', async (t) => {
  const { uuid } = await site.run('cache', {
    command: ['sh', '-c', 'httpd -p 6379; exec sleep 600'],
    healthcheck: { type: 'tcp', port: 6379, ...timing },
  });
  await health(uuid, 'healthy');
  await site.inside(uuid, 'killall', 'httpd');
  t.match((await health(uuid, 'unhealthy'))['status_reason'], /:6379 refused the connection/);
  await site.inside(uuid, 'httpd', '-p', '6379');
  await health(uuid, 'healthy');
  const { history } = (await site.api.call<{ history: { event: { type: string } }[] }>(
    'GET',
    `/v1/containers/${uuid}/history`,
  ))!.body;
  t.equal(history.filter(({ event }) => event.type === 'runtime.health').length, 3, 'changes and no more');
  await site.remove(uuid);
  await site.emptyLedger();
});

t.test('by command: the engine runs it, and what it wrote says why', async (t) => {
  const { uuid } = await site.run('worker', {
    command: ['sh', '-c', 'touch /well; exec sleep 600'],
    healthcheck: { cmd: 'test -e /well || { echo it is gone; exit 1; }', ...timing },
  });
  await health(uuid, 'healthy');
  await site.inside(uuid, 'rm', '/well');
  t.match((await health(uuid, 'unhealthy'))['status_reason'], /The command exited with 1: it is gone/);
  await site.inside(uuid, 'touch', '/well');
  await health(uuid, 'healthy');
  await site.remove(uuid);
});
