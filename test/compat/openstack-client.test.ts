/** The unmodified `openstack appcontainer` of Debian against a running Troupe with a real engine. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { atTerminal, type AtTerminal } from '../support/pseudo-terminal.ts';
import { startRegistry } from '../support/registry.ts';
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

const clientEnvironment = () => ({
  PATH: '/usr/bin:/bin',
  OS_AUTH_TYPE: 'admin_token',
  OS_ENDPOINT: `${site.api.url}/v1`,
  OS_TOKEN: site.api.token,
  LANG: 'C.UTF-8',
});

/** Exit code and output of one command of the client; each is a Python process. */
const openstack = (...args: string[]) => client('appcontainer', ...args);

async function client(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = clientEnvironment();
  try {
    const { stdout, stderr } = await execute('/usr/bin/openstack', args, { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}
/** Joins a host of which nothing more is heard. */
function enrol(joinToken: string, hostname: string): Promise<unknown> {
  const socket = new WebSocket(`${site.api.url.replace(/^http/, 'ws')}/link`);
  const params = { protocol: 1, joinToken, hostname };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'enrol', params })));
    socket.on('message', (data: Buffer) => {
      const { id, result, error } = JSON.parse(data.toString()) as Record<string, unknown>;
      if (id !== 1) return;
      socket.close();
      if (error) reject(new Error(JSON.stringify(error)));
      else resolve(result);
    });
  });
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

t.test('files into a container and out of it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-cp-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.equal((await openstack('run', '--name', 'compat', testImage, 'sleep', '600')).code, 0);
  await until('Running', shown, ({ status }) => status === 'Running');
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
  writeFileSync(join(folder, 'a file'), bytes);
  const into = await openstack('cp', join(folder, 'a file'), 'compat:/tmp');
  t.equal(into.code, 0, into.err);
  mkdirSync(join(folder, 'back'));
  const back = await openstack('cp', 'compat:/tmp/a file', join(folder, 'back'));
  t.equal(back.code, 0, back.err);
  t.ok(readFileSync(join(folder, 'back', 'a file')).equals(bytes), 'byte for byte');
  t.equal((await openstack('stop', '--timeout', '0', 'compat')).code, 0);
  await until('Stopped', shown, ({ status }) => status === 'Stopped');
  t.equal((await openstack('cp', 'compat:/etc/passwd', join(folder, 'back'))).code, 0, 'of one that stands');
  t.match(readFileSync(join(folder, 'back', 'passwd'), 'utf8'), /root:/);
  const missing = await openstack('cp', 'compat:/no/such', folder);
  t.match(`${missing.out}${missing.err}`, /"\/no\/such" is not in the container/);
  t.equal((await openstack('delete', '--force', 'compat')).code, 0);
  await until(
    'its removal',
    () => site.api.call('GET', '/v1/containers/compat'),
    (answer) => answer?.status === 404,
  );
});

t.test('hosts and services of the site', async (t) => {
  const hosts = await openstack('host', 'list', '-f', 'json');
  t.match(JSON.parse(hosts.out), [{ hostname: /./, mem_total: Number, cpus: Number }]);
  const [{ hostname }] = JSON.parse(hosts.out) as [{ hostname: string }];
  const services = async () => JSON.parse((await openstack('service', 'list', '-f', 'json')).out) as object[];
  t.match(await services(), [
    { Host: hostname, Binary: 'zun-compute', State: 'up', Disabled: false, 'Availability Zone': 'nova' },
  ]);
  const off = await openstack('service', 'disable', '--reason', 'A fan is broken', hostname, 'zun-compute');
  t.equal(off.code, 0, off.err);
  t.match(await services(), [{ Disabled: true, 'Disabled Reason': 'A fan is broken' }]);
  t.equal((await openstack('service', 'enable', hostname, 'zun-compute')).code, 0);
  t.match(await services(), [{ Disabled: false }]);
  const heard = await openstack('service', 'forcedown', hostname, 'zun-compute');
  t.match(heard, { code: 1, err: /It is heard; stop its agent first/ });
  const kept = await openstack('service', 'delete', hostname, 'zun-compute');
  t.match(`${kept.out}${kept.err}`, /It is heard; drain it and stop its agent first/);
  // One that has joined, and whose agent never came.
  const made = await site.api.call<{ join_token: string }>('POST', '/v1/join_tokens');
  await enrol(made!.body.join_token, 'never-came');
  t.equal((await services()).length, 2);
  const gone = await openstack('service', 'delete', 'never-came', 'zun-compute');
  t.equal(gone.code, 0, gone.err);
  t.equal((await services()).length, 1);
  const zones = await openstack('availability', 'zone', 'list', '-f', 'json');
  t.match(JSON.parse(zones.out), [{ availability_zone: 'nova' }]);
});

t.test('capsules: create from a file, list, show, delete', async (t) => {
  const file = join(site.directory, 'capsule.yaml');
  writeFileSync(
    file,
    `capsuleVersion: beta
kind: capsule
metadata:
  name: pod
  labels:
    app: shop
spec:
  initContainers:
  - image: ${testImage}
    command: ["true"]
  containers:
  - image: ${testImage}
    command: ["sleep", "600"]
    resources:
      requests:
        cpu: 0.2
        memory: 32
  - image: ${testImage}
    command: ["sleep"]
    args: ["600"]
  restartPolicy: Always
`,
  );
  const created = await client('capsule', 'create', '--file', file, '-f', 'json');
  t.equal(created.code, 0, created.err);
  const { uuid, ...rest } = JSON.parse(created.out) as { uuid: string };
  t.match(rest, { name: 'pod', labels: { app: 'shop' }, restart_policy: { Name: 'always' } });
  const capsule = async () =>
    JSON.parse((await client('capsule', 'show', 'pod', '-f', 'json')).out) as Record<string, unknown>;
  const running = await until('Running', capsule, ({ status }) => status === 'Running');
  t.match(running, { uuid, containers: [{ status: 'Running' }, { status: 'Running' }] });
  const list = await client('capsule', 'list', '--sort-key', 'name', '-f', 'json');
  t.match(JSON.parse(list.out), [{ uuid, name: 'pod', status: 'Running', addresses: /\d+\.\d+\.\d+\.\d+/ }]);
  const deleted = await client('capsule', 'delete', 'pod');
  t.match(deleted.out, /Request to delete capsule pod has been accepted/);
  await until(
    'its end',
    () => site.api.call('GET', `/v1/capsules/${uuid}`),
    (answer) => answer?.status === 404,
  );
  const none = await client('capsule', 'show', 'pod');
  t.match(none, { code: 1, err: /Capsule pod could not be found/ });
  writeFileSync(file, '{"kind": "pod", "metadata": {}, "spec": {"containers": [{"image": "busybox"}]}}');
  t.match((await client('capsule', 'create', '--file', file)).err, /It must be one of capsule, Capsule/);
});

t.test('quotas of a project, and of those that have none', async (t) => {
  const asked = async (...args: string[]) => {
    const { code, out, err } = await openstack('quota', ...args, '-f', 'json');
    t.equal(code, 0, `${args.join(' ')}: ${err}`);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const site0 = { containers: 40, memory: 51_200, disk: 100, cpu: 20 };
  t.same(await asked('get', 'admin'), site0);
  t.same(await asked('default', 'admin'), site0);
  t.same(await asked('update', '--containers', '1', '--memory', '64', 'admin'), {
    ...site0,
    containers: 1,
    memory: 64,
  });
  t.equal((await openstack('create', '--name', 'compat', '--memory', '32', testImage, 'true')).code, 0);
  t.match(await asked('get', '--usages', 'admin'), {
    containers: { limit: 1, in_use: 1 },
    memory: { limit: 64, in_use: 32 },
  });
  const over = await openstack('create', '--name', 'more', '--memory', '64', testImage);
  t.match(over, { code: 1, err: /Quota exceeded for resources: \['containers', 'memory'\] \(HTTP 403\)/ });
  const bad = await openstack('quota', 'update', '--cpu', 'many', 'admin');
  t.match(bad, { code: 1, err: /Invalid input for field 'cpu'. Value: 'many'. It must be an integer/ });

  const gone = await openstack('quota', 'delete', 'admin');
  t.match(gone, { code: 0, out: /Request to delete quotas has been accepted/ });
  t.same(await asked('class', 'get', 'default'), site0);
  const changed = { ...site0, containers: -1, disk: 50 };
  t.same(await asked('class', 'update', '--containers', '-1', '--disk', '50', 'default'), changed);
  t.same(await asked('get', 'admin'), changed);
  t.same(await asked('default', 'elsewhere'), changed);
  t.same(await asked('class', 'update', '--containers', '40', '--disk', '100', 'default'), site0);
  t.equal((await openstack('delete', '--force', 'compat')).code, 0);
  await until(
    'its removal',
    () => site.api.call('GET', '/v1/containers/compat'),
    (answer) => answer?.status === 404,
  );
});

/** The same at a terminal of its own, as a person has it. */
function openstackAtTerminal(t: Test, ...args: string[]): AtTerminal {
  const at = atTerminal(['/usr/bin/openstack', 'appcontainer', ...args], clientEnvironment(), {
    rows: 33,
    columns: 99,
  });
  t.teardown(() => at.kill());
  return at;
}

t.test('terminals: run --interactive, exec --interactive, attach', async (t) => {
  const run = openstackAtTerminal(t, 'run', '--interactive', '--name', 'compat', testImage, 'sh');
  await run.shows(/connected to .*, press Enter to continue/);
  await run.raw();
  run.type('stty size; echo word-$((1 + 1))\r');
  await run.shows(/33 99[^]*word-2/);
  const { status, body } = (await site.api.call('GET', '/v1/containers/compat'))!;
  t.match({ status, body }, { status: 200, body: { interactive: true, tty: true, status: 'Running' } });

  const exec = openstackAtTerminal(t, 'exec', '--interactive', 'compat', 'sh', '-c', "echo 'a  b'; exec sh");
  await exec.shows(/connected to compat[^]*a {2}b/);
  await exec.raw();
  exec.type('stty size; echo grüße-$((2 + 2))\r');
  await exec.shows(/33 99[^]*grüße-4/);
  await exec.resize(40, 120);
  exec.type('sleep 1; stty size\r');
  await exec.shows(/40 120/);
  exec.type('exit 3\r');
  t.match(await exec.ended, { code: 0 }, 'its end ends the client');

  const attach = openstackAtTerminal(t, 'attach', 'compat');
  await attach.shows(/connected to compat/);
  await attach.raw();
  attach.type('echo word-$((3 + 3))\r');
  await Promise.all([attach.shows(/word-6/), run.shows(/word-6/)]);
  attach.type('exit 5\r');
  t.match(await attach.ended, { code: 0 });
  t.match(await run.ended, { code: 0 });
  t.match(await shown(), { status: 'Stopped' });
  const late = await openstack('attach', 'compat');
  t.match(`${late.out}${late.err}`, /Cannot attach container .* in Stopped state/);
  t.equal((await openstack('delete', 'compat')).code, 0);

  const plain = await openstack('run', '--name', 'plain', testImage, 'sleep', '600');
  t.equal(plain.code, 0, plain.err);
  await until(
    'Running',
    () => site.api.call('GET', '/v1/containers/plain'),
    (answer) => answer?.body.status === 'Running',
  );
  const refused = await openstack('attach', 'plain');
  t.match(`${refused.out}${refused.err}`, /Container doesn't support to be attached/);
  t.match(await openstack('exec', 'plain', 'sh', '-c', 'echo out; exit 3'), { code: 3, out: /out/ });
  t.equal((await openstack('delete', '--force', 'plain')).code, 0);
});

t.test('images, registries and a commit', async (t) => {
  const login = { username: 'ann', password: 'correct-horse' };
  const [closed, open] = [await startRegistry(login), await startRegistry(null)];
  t.teardown(async () => {
    await closed.stop();
    await open.stop();
  });
  const free = await open.push('compat/app:1');
  const guarded = await closed.push('compat/app:2');
  const json = async (...args: string[]): Promise<unknown> => {
    const { code, out, err } = await openstack(...args, '-f', 'json');
    t.equal(code, 0, err);
    return JSON.parse(out);
  };
  const [{ hostname }] = (await json('host', 'list')) as [{ hostname: string }];
  const images = async () => (await json('image', 'list')) as { uuid: string; repo: string; tag: string }[];

  t.match(await json('image', 'pull', free, hostname), { repo: free.slice(0, -2), tag: '1' });
  const pulled = await until('the image', images, (all) =>
    all.some(({ repo, tag }) => repo === free.slice(0, -2) && tag === '1'),
  );
  const { uuid } = pulled.find(({ repo }) => repo === free.slice(0, -2))!;
  t.match(await json('image', 'show', uuid), { uuid, host: hostname, image_id: /^sha256:/, size: /^\d+$/ });
  const search = await openstack('image', 'search', 'troupe.invalid/nothing');
  t.match(`${search.out}${search.err}`, /could not be searched/);

  const registry = await json(
    'registry', 'create', '--name', 'compat', '--domain', closed.domain, '--username', 'ann', '--password', login.password,
  ); // prettier-ignore
  t.match(registry, { name: 'compat', domain: closed.domain, username: 'ann', password: '***' });
  t.match(await json('registry', 'list'), [{ name: 'compat', domain: closed.domain }]);
  t.match(await json('registry', 'update', '--name', 'renamed', 'compat'), { name: 'renamed' });
  t.match(await json('registry', 'show', 'renamed'), { username: 'ann', password: '***' });
  t.equal(
    (await openstack('run', '--name', 'compat', '--registry', 'renamed', guarded, 'sleep', '600')).code,
    0,
  );
  t.match(await until('Running', shown, ({ status }) => status === 'Running' || status === 'Error'), {
    status: 'Running',
    registry_id: (registry as { uuid: string }).uuid,
  });

  const commit = await openstack('commit', 'compat', 'compat/made:v1');
  t.match(commit, { code: 0, out: /The image is [0-9a-f-]{36}/ });
  const made = /[0-9a-f-]{36}/.exec(commit.out)![0];
  await until(
    'the commit',
    () => site.api.call('GET', `/v1/images/${made}`),
    (answer) => answer?.body.status === 'present',
  );
  const theirs = (await images()).find(({ repo }) => repo === guarded.slice(0, -2))!;
  const used = await openstack('image', 'delete', theirs.uuid);
  t.match(`${used.out}${used.err}`, /"compat" is made of it/);
  t.equal((await openstack('delete', '--force', 'compat')).code, 0);
  await until(
    'its removal',
    () => site.api.call('GET', '/v1/containers/compat'),
    (answer) => answer?.status === 404,
  );
  const left = (await images()).filter(({ repo }) => repo.includes('compat/'));
  t.equal(left.length, 3);
  for (const each of left) t.equal((await openstack('image', 'delete', each.uuid)).code, 0);
  t.notOk((await images()).some(({ repo }) => repo.includes('compat/')));
  t.equal((await openstack('registry', 'delete', 'renamed')).code, 0);
  t.same(await json('registry', 'list'), []);
});
