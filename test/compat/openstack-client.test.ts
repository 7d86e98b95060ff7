/** The unmodified `openstack appcontainer` of Debian against a running Troupe with a real engine. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { once } from 'node:events';
import t from 'tap';
import { createSite, docker, testImage, until } from '../support/troupe.ts';

const execute = promisify(execFile);
t.setTimeout(300_000);

const site = await createSite();
const troupe = site.start(join(import.meta.dirname, '..', 'main', 'all-in-one-process.js'), site.settings);
await once(troupe, 'message');
t.teardown(async () => {
  await site.api.call('DELETE', '/v1/containers/compat?force=true');
  await until(
    'its removal',
    () => site.api.call('GET', '/v1/containers/compat'),
    (answer) => answer?.status !== 200,
  );
  await site.clean();
});
await until(
  'the host',
  () => site.api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
  (answer) => answer?.body.hosts?.[0]?.state === 'online',
);

/** Exit code and output of one command of the client; each is a Python process. */
async function openstack(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: '/usr/bin:/bin',
    OS_AUTH_TYPE: 'admin_token',
    OS_ENDPOINT: `${site.api.url}/v1`,
    OS_TOKEN: site.api.token,
  };
  try {
    const { stdout, stderr } = await execute('/usr/bin/openstack', ['appcontainer', ...args], { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}
const shown = async () =>
  JSON.parse((await openstack('show', 'compat', '-f', 'json')).out) as Record<string, unknown>;

t.test('run, list, show, logs, stop, start, delete', async (t) => {
  const run = await openstack(
    'run', '--name', 'compat', '--memory', '32', '--cpu', '0.2', '--environment', 'GREETING=hello', '--restart', 'on-failure:2',
    '--label', 'team=blue', '-f', 'json', testImage, 'sh', '-c', 'echo $GREETING; exec sleep 600',
  ); // prettier-ignore
  t.equal(run.code, 0, run.err);
  t.match(JSON.parse(run.out), {
    name: 'compat',
    memory: '32',
    cpu: 0.2,
    restart_policy: { Name: 'on-failure', MaximumRetryCount: '2' },
  });
  await until('Running', shown, ({ status }) => status === 'Running');
  const list = JSON.parse((await openstack('list', '-f', 'json')).out) as Record<string, unknown>[];
  t.match(list, [{ name: 'compat', status: 'Running', image: testImage }]);
  t.match(await shown(), { environment: { GREETING: 'hello' }, labels: { team: 'blue' }, host: /./ });
  t.match((await openstack('logs', 'compat')).out, /hello/);
  t.equal((await openstack('stop', '--timeout', '0', 'compat')).code, 0);
  await until('Stopped', shown, ({ status }) => status === 'Stopped');
  t.equal((await openstack('start', 'compat')).code, 0);
  await until('Running', shown, ({ status }) => status === 'Running');
  const bare = await openstack('delete', 'compat');
  t.match(`${bare.out}${bare.err}`, /Cannot delete container .* in Running state/);
  const deleted = await openstack('delete', '--stop', '--wait', 'compat');
  t.equal(deleted.code, 0, deleted.err);
  t.not((await openstack('show', 'compat')).code, 0);
});

t.test('create without running, and what the client shows of errors', async (t) => {
  t.equal((await openstack('create', '--name', 'compat', testImage, 'true')).code, 0);
  await until('Created', shown, ({ status }) => status === 'Created');
  const twice = await openstack('stop', 'compat');
  t.match(`${twice.out}${twice.err}`, /Cannot stop container .* in Created state/);
  const bad = await openstack('create', '--memory', '1', testImage);
  t.not(bad.code, 0);
  t.match(bad.err, /Invalid input for field 'memory'/);
  t.equal((await openstack('delete', '--force', 'compat')).code, 0);
  await until(
    'its removal',
    () => site.api.call('GET', '/v1/containers/compat'),
    (answer) => answer?.status === 404,
  );
  const left = await docker.listContainers({ all: true });
  t.notOk(
    left.some(
      ({ Labels }) =>
        Labels['troupe.tenant'] === 'admin' &&
        Labels['troupe.world'] !== undefined &&
        Labels['team'] === 'blue',
    ),
  );
});

t.test('hosts and services of the site', async (t) => {
  const hosts = await openstack('host', 'list', '-f', 'json');
  t.match(JSON.parse(hosts.out), [{ hostname: /./, mem_total: Number, cpus: Number }]);
});
