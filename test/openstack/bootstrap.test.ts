/** `troupe keystone bootstrap` and `troupe doctor` against the real Keystone; configuration that leads nowhere is one line. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createCloud, cloudsFile } from './cloud.ts';
import { createKeystoneSite } from './keystone-site.ts';

t.setTimeout(180_000);
const cloud = await createCloud(t);
const keystone = await createKeystoneSite(t, cloud);
const { site, region, user } = keystone;
const clouds = join(site.directory, 'state', 'clouds.yaml');

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix: string | null;
}
const finding = async (check: string): Promise<Finding | undefined> => {
  const { out } = await site.run('doctor', '-o', 'json');
  return (JSON.parse(out) as Finding[]).find((each) => each.check === check);
};

t.test(
  'without credentials it does not start, and says in one line which setting leads to them',
  async (t) => {
    const { code, err } = await site.run('up', '--detach');
    t.equal(code, 2);
    t.match(
      err,
      /"auth\.cloud" \(from default\) must lead to Troupe’s own credentials, and nothing does: run "troupe keystone bootstrap"/,
    );
    t.match(await finding('keystone'), { ok: false, fix: /troupe keystone bootstrap/ });
    const bare = await site.run('keystone', 'bootstrap');
    t.match(bare, { code: 2, err: /OS_AUTH_URL is missing/ });
  },
);

t.test('it makes user, role, service and endpoints; a second run changes nothing', async (t) => {
  const first = await keystone.bootstrap();
  t.equal(first.code, 0, first.err);
  t.match(first.err, new RegExp(`user ${user}: made`));
  t.match(first.err, new RegExp(`public endpoint ${keystone.url}/v1: made`));
  t.equal(statSync(clouds).mode & 0o777, 0o600);
  const before = readFileSync(clouds, 'utf8');
  const second = await keystone.bootstrap();
  t.equal(second.code, 0, second.err);
  t.notMatch(second.err, /: (made|changed)/);
  t.equal(readFileSync(clouds, 'utf8'), before);
  const { endpoints } = await cloud.admin<{ endpoints: { interface: string; url: string }[] }>(
    'GET',
    `/endpoints?region_id=${region}`,
  );
  t.same(endpoints.map((each) => each.interface).sort(), ['admin', 'internal', 'public']);
  t.ok(endpoints.every(({ url }) => url === `${keystone.url}/v1`));
  t.match(await finding('keystone'), { ok: true, detail: /may ask .* whose a token is/ });
  t.match(await finding('catalog'), { ok: true, detail: `clients find ${keystone.url}/v1` });
});

t.test('a catalog that leads elsewhere is told, and replaced only when asked to', async (t) => {
  const elsewhere = 'http://127.0.0.1:9/v1';
  t.match(await keystone.bootstrap('--endpoint', elsewhere), {
    code: 2,
    err: /another service of type "container".*--replace/,
  });
  t.equal((await keystone.bootstrap('--endpoint', elsewhere, '--replace')).code, 0);
  t.match(await finding('catalog'), {
    ok: false,
    detail: /clients find http:\/\/127\.0\.0\.1:9\/v1/,
    fix: /--replace/,
  });
  t.match(await keystone.bootstrap('--replace'), { code: 0, err: /public endpoint .*: changed/ });
  t.match(await finding('catalog'), { ok: true });
});

t.test('a password that is not right, or lost, is told, and made anew when asked to', async (t) => {
  const good = readFileSync(clouds, 'utf8');
  writeFileSync(clouds, good.replace(/password: .*/, 'password: wrong'));
  t.match(await finding('keystone'), {
    ok: false,
    detail: /does not take Troupe’s own credentials \(401\)/,
    fix: /--new-password/,
  });
  t.match(await keystone.bootstrap(), { code: 2, err: /--new-password/ });
  rmSync(clouds);
  t.match(await keystone.bootstrap(), {
    code: 2,
    err: /There is a user .* already, and .*clouds\.yaml" with its password is not here/,
  });
  t.match(await keystone.bootstrap('--new-password'), { code: 0, err: /password of user .*: changed/ });
  t.match(await finding('keystone'), { ok: true });
});

t.test('a user who is no admin of the cloud is told so', async (t) => {
  const [blue, max] = [await cloud.project('blue'), await cloud.person('max')];
  await cloud.grant(max, blue, 'member');
  const variables = {
    ...cloud.adminVariables,
    OS_USERNAME: max.name,
    OS_PASSWORD: max.password,
    OS_PROJECT_NAME: blue.name,
  };
  const { code, err } = await site.runWith(variables, 'keystone', 'bootstrap', '--region', region);
  t.equal(code, 7);
  t.match(err, /Keystone refuses GET \/projects \(403\).*it takes an admin of the cloud/);
  t.notMatch(err, max.password);
});

t.test('its own credentials may be a cloud of clouds.yaml, or variables', async (t) => {
  const [green, mia] = [await cloud.project('green'), await cloud.person('mia')];
  await cloud.grant(mia, green, 'member');
  rmSync(clouds);
  const none = await site.runWith(
    { OS_CLIENT_CONFIG_FILE: cloudsFile },
    'up',
    '--detach',
    '--set',
    'auth.cloud=nowhere',
  );
  t.match(none, {
    code: 2,
    err: /"auth\.cloud" \(from flag\) .*There is no cloud "nowhere" in ".*clouds\.yaml"; it has admin/,
  });
  for (const variables of [{ OS_CLIENT_CONFIG_FILE: cloudsFile, OS_CLOUD: 'admin' }, cloud.adminVariables]) {
    const up = await site.runWith(variables, 'up', '--detach', '--control-plane-only');
    t.equal(up.code, 0, up.err);
    const token = await cloud.token(mia, green);
    t.equal((await keystone.call('GET', '/v1/containers', token)).status, 200);
    await site.run('down');
  }
});
