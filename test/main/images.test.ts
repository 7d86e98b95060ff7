/** Images for real: a registry that wants a login, a commit, and what the command line shows of them. */
import { execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { ensureDocker } from '../support/docker.ts';
import { startRegistry } from '../support/registry.ts';
import { createSite, docker, testImage, until, type Json } from '../support/troupe.ts';

const execute = promisify(execFile);
await ensureDocker();
t.setTimeout(300_000);

const login = { username: 'ann', password: 'correct-horse-battery' };
const registry = await startRegistry(login);
const image = await registry.push('team/app:1');
const short = 'team/app:1';
const site = await createSite(['site.sandboxes=engine']);
const script = join(import.meta.dirname, 'all-in-one-process.js');
let running: ChildProcess;
const up = async (): Promise<void> => {
  running = site.start(script, site.settings);
  await once(running, 'message');
  await until(
    'the host',
    () => site.api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
    (answer) => answer?.body.hosts?.[0]?.state === 'online',
  );
};
await up();

const names = new Set<string>();
t.teardown(async () => {
  for (const name of names) await site.api.call('DELETE', `/v1/containers/${name}?force=true`);
  for (const name of names)
    await until(
      'its end',
      () => site.api.call('GET', `/v1/containers/${name}`),
      (answer) => answer?.status === 404,
    );
  for (const { RepoTags } of await docker.listImages())
    for (const tag of RepoTags ?? [])
      if (tag.includes('/team/') && (tag.startsWith('troupe-commit/') || tag.startsWith(registry.domain)))
        await docker.getImage(tag).remove();
  await site.clean();
  await registry.stop();
});

/** The command line, as another machine's user has it. */
async function troupe(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, TROUPE_URL: site.api.url, TROUPE_TOKEN: site.api.token };
  const cli = join(import.meta.dirname, '..', '..', 'src', 'main', 'cli.js');
  try {
    const { stdout, stderr } = await execute(process.execPath, [cli, ...argv], {
      env: { ...env, TROUPE_REGISTRY_PASSWORD: login.password },
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

async function run(name: string, body: object): Promise<Json> {
  names.add(name);
  const asked = { name, command: ['sleep', '600'], image, ...body };
  const created = await site.api.call('POST', '/v1/containers?run=true', asked);
  if (created?.status !== 202) throw new Error(JSON.stringify(created?.body));
  const answer = await until(
    `${name} to run or fail`,
    () => site.api.call('GET', `/v1/containers/${name}`),
    (given) => given?.body.status === 'Running' || given?.body.status === 'Error',
  );
  return answer!.body;
}
const ledger = async () =>
  (await site.api.call<{ audit: { problem: string }[] }>('GET', '/v1/audit'))!.body.audit.filter(
    ({ problem }) => problem !== 'of-another-world',
  );

t.test('with a login a container runs; with a wrong one and without any its reason says so', async (t) => {
  const created = await troupe('registry', 'create', registry.domain, '--name', 'mine', '--username', 'ann');
  t.equal(created.code, 0, created.err);
  t.notMatch(created.out + created.err, login.password);
  t.match(await run('without', {}), { status: 'Error', status_reason: /can't be pulled without logging in/ });
  await site.api.call('POST', '/v1/registries', {
    registry: { name: 'wrong', domain: registry.domain, username: 'ann', password: 'wrong-horse' },
  });
  t.match(await run('mistaken', { registry: 'wrong' }), {
    status: 'Error',
    status_reason: /does not take the username and password/,
  });
  t.match(await run('let-in', { image: short, registry: 'mine' }), {
    status: 'Running',
    image: short,
    registry_id: /./,
  });
  t.match(
    await run('later', {}),
    { status: 'Error', status_reason: /without logging in/ },
    'a copy on the host is no leave to use it',
  );
  t.match((await troupe('registry', 'ls')).out, new RegExp(`mine .*${registry.domain}`));
});

t.test('no file of control plane and agent has the password', async (t) => {
  const files = readdirSync(site.directory, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  t.ok(files.length > 3);
  for (const { parentPath, name } of files)
    for (const secret of [login.password, 'wrong-horse'])
      t.notOk(readFileSync(join(parentPath, name)).includes(secret), join(parentPath, name));
});

t.test('a commit is run again, also after kill -9, and goes when nobody needs it', async (t) => {
  t.match(await run('maker', { image: testImage, command: ['sh', '-c', 'echo kept >/note; sleep 600'] }), {
    status: 'Running',
  });
  const made = await troupe('commit', 'maker', 'team/made:v1', '--wait');
  t.equal(made.code, 0, made.err);
  t.match(await site.api.call('GET', '/v1/containers/maker'), { body: { status: 'Running' } });
  running.kill('SIGKILL');
  await once(running, 'exit');
  await up();
  const copy = await run('copy', { image: 'team/made:v1', command: ['sh', '-c', 'cat /note; sleep 600'] });
  t.match(copy, { status: 'Running', image: 'team/made:v1' });
  const logs = await site.api.call<string>('GET', '/v1/containers/copy/logs');
  t.match(logs?.body, /kept/);
  t.match((await troupe('image', 'ls')).out, /team\/made:v1 .*present/);
  t.match(await troupe('image', 'rm', 'team/made:v1'), { code: 5, err: /"copy" is made of it/ });
  t.same(await ledger(), []);
  await site.api.call('DELETE', '/v1/containers/copy?force=true');
  await until(
    'its end',
    () => site.api.call('GET', '/v1/containers/copy'),
    (answer) => answer?.status === 404,
  );
  names.delete('copy');
  t.match(await troupe('image', 'rm', 'team/made:v1'), { code: 0 });
  t.notMatch((await troupe('image', 'ls')).out, 'team/made');
  t.match(await troupe('image', 'rm', 'team/made:v1'), { code: 3 });
});

t.test('an image is pulled on a host, and what can not be pulled or searched says why', async (t) => {
  const [host] = (await site.api.call<{ hosts: { hostname: string }[] }>('GET', '/v1/hosts'))!.body.hosts;
  const pull = (...more: string[]) => troupe('image', 'pull', ...more, '--wait');
  t.match(await pull(image, host!.hostname), { code: 1, err: /without logging in/ });
  t.match(await pull(image, host!.hostname, '--registry', 'mine'), { code: 0 });
  t.match(await pull('troupe.invalid/nothing:1', 'nowhere'), {
    code: 2,
    err: /The host nowhere does not exist/,
  });
  const search = await troupe('image', 'search', 'troupe.invalid/nothing');
  t.match(search, { code: 7, err: /could not be searched/ });
});
