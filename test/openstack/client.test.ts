/** Debian's unmodified `openstack appcontainer` with a user's password: it finds Troupe in Keystone's catalog. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { testImage } from '../cli/engine/command-site.ts';
import { until } from '../support/troupe.ts';
import { createCloud, type Person, type Project } from './cloud.ts';
import { createKeystoneSite, start } from './keystone-site.ts';

const execute = promisify(execFile);
t.setTimeout(180_000);
const cloud = await createCloud(t);
const keystone = await createKeystoneSite(t, cloud);
const bootstrapped = await keystone.bootstrap();
if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
await start(keystone);
t.teardown(() => keystone.site.run('rm', '--force', '--wait', 'compat'));
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [mia, greg] = [await cloud.person('mia'), await cloud.person('greg')];
await cloud.grant(mia, blue, 'member');
await cloud.grant(greg, green, 'member');

async function openstack(person: Person, project: Project, ...args: string[]) {
  const env = {
    PATH: '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    OS_AUTH_URL: cloud.authUrl,
    OS_USERNAME: person.name,
    OS_PASSWORD: person.password,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_ID: project.id,
    OS_REGION_NAME: keystone.region,
  };
  try {
    const { stdout, stderr } = await execute('/usr/bin/openstack', ['appcontainer', ...args], { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

t.test('run, show, list, and delete with a password; another project sees nothing of it', async (t) => {
  const run = await openstack(
    mia,
    blue,
    'run',
    '--name',
    'compat',
    '--memory',
    '32',
    '-f',
    'json',
    testImage,
    'sleep',
    '600',
  );
  t.equal(run.code, 0, run.err);
  t.match(JSON.parse(run.out), { name: 'compat', project_id: blue.id, user_id: mia.id });
  await until(
    'Running',
    async () =>
      JSON.parse((await openstack(mia, blue, 'show', 'compat', '-f', 'json')).out) as { status: string },
    ({ status }) => status === 'Running',
  );
  const theirs = await openstack(greg, green, 'list', '-f', 'json');
  t.same(JSON.parse(theirs.out), []);
  t.match(await openstack(greg, green, 'show', 'compat'), { code: 1, err: /could not be found/ });
  const deleted = await openstack(mia, blue, 'delete', '--stop', '--wait', 'compat');
  t.equal(deleted.code, 0, deleted.err);
});
