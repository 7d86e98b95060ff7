/** `troupe cp` with a real engine, and archives that try to get out of their container. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { tarOf, type TarEntry } from '../../support/tar.ts';
import { createCommandSite, removeContainers, testImage } from './command-site.ts';

t.setTimeout(300_000);

const site = await createCommandSite(t, { archive: { mostMib: 64 } });
const up = await site.run('up', '--detach');
t.equal(up.code, 0, up.err);
t.teardown(() => removeContainers(site));
const here = mkdtempSync(join(tmpdir(), 'troupe-copy-'));
t.teardown(() => rmSync(here, { recursive: true, force: true }));
const started = await site.run(
  'run',
  '--detach',
  '--name',
  'box',
  testImage,
  'sh',
  '-c',
  'trap exit TERM; while :; do sleep 0.2; done',
);
t.equal(started.code, 0, started.err);

const inside = async (command: string): Promise<string> =>
  (await site.run('exec', 'box', 'sh', '-c', command)).out;
const adminToken = (): string => readFileSync(join(site.directory, 'state', 'admin.token'), 'utf8').trim();

const put = (path: string, tar: Buffer): Promise<Response> =>
  fetch(`http://127.0.0.1:${site.port}/v1/containers/box/put_archive?${new URLSearchParams({ path })}`, {
    method: 'POST',
    headers: { 'x-auth-token': adminToken(), 'content-type': 'application/x-tar' },
    body: new Uint8Array(tar),
  });

t.test('there and back, a file and a folder, while it runs', async (t) => {
  mkdirSync(join(here, 'site/deep'), { recursive: true });
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
  writeFileSync(join(here, 'site/deep/with blank'), bytes, { mode: 0o640 });
  writeFileSync(join(here, 'site/ünïcødé\nname'), 'strange');
  symlinkSync('deep/with blank', join(here, 'site/link'));
  const into = await site.run('cp', join(here, 'site'), 'box:/tmp');
  t.equal(into.code, 0, into.err);
  t.equal(
    (await inside('stat -c %a "/tmp/site/deep/with blank"; readlink /tmp/site/link')).trim(),
    '640\ndeep/with blank',
  );
  t.match((await site.run('cp', 'box:/tmp/site', join(here, 'back'))).err, /2 files/);
  t.ok(readFileSync(join(here, 'back/deep/with blank')).equals(bytes));
  t.equal(readFileSync(join(here, 'back/ünïcødé\nname'), 'utf8'), 'strange');
  t.equal(readlinkSync(join(here, 'back/link')), 'deep/with blank');
  t.equal((await site.run('cp', join(here, 'site/deep/with blank'), 'box:/tmp/other')).code, 0);
  t.equal((await inside('wc -c < /tmp/other')).trim(), '300000');
  const missing = await site.run('cp', 'box:/no/such', here);
  t.match(missing, { code: 2, err: /"\/no\/such" is not in the container/ });
});

t.test('no archive reaches this machine', async (t) => {
  const victim = join(here, 'victim');
  writeFileSync(victim, 'untouched');
  const link = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname });
  for (const [what, ...entries] of [
    ['through a link to the root', link('root', '/'), { name: `root${victim}`, content: 'evil' }],
    [
      'through a link that climbs',
      link('up', '../../../../../../../..'),
      { name: `up${victim}`, content: 'evil' },
    ],
    ['over a link to a file', link('file', victim), { name: 'file', content: 'evil' }],
    ['into what is a link there', { name: 'evil', content: 'evil' }],
  ] as readonly [string, ...TarEntry[]][]) {
    const { status } = await put('/tmp', await tarOf(...entries));
    t.ok([200, 400].includes(status), `${what}: ${status}`);
    t.equal(readFileSync(victim, 'utf8'), 'untouched', what);
  }
  await inside(
    `ln -s ${here} /tmp/outside; ln -s ../../../../..${here} /tmp/climbs; ln -s ${victim} /tmp/victim`,
  );
  const before = readdirSync(here).join();
  for (const path of ['/tmp/outside', '/tmp/climbs', '/tmp/../../../../..' + here])
    t.equal((await put(path, await tarOf({ name: 'evil', content: 'evil' }))).status, 400, path);
  t.equal(readdirSync(here).join(), before);
  // What a link in a container leads to is in the container, or nowhere.
  const out = mkdtempSync(join(here, 'out-'));
  const got = await site.run('cp', 'box:/tmp/victim', out);
  t.notMatch(readdirSync(out).map((name) => { try { return readFileSync(join(out, name), 'utf8'); } catch { return ''; } }).join(), 'untouched', got.err); // prettier-ignore
  for (const entry of [
    { name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 },
    { name: '/etc/cron.d/evil', content: 'evil' },
    { name: '../evil', content: 'evil' },
  ] as const)
    t.equal((await put('/tmp', await tarOf(entry))).status, 400, entry.name);
  t.equal(
    (await put('/tmp', await tarOf({ name: 'big', content: Buffer.alloc(65 * 1024 * 1024) }))).status,
    413,
  );
  t.equal((await inside('ls /tmp/big /tmp/sda 2>/dev/null')).trim(), '', 'nothing of it is there');
});

t.test('of one that stands, and into it', async (t) => {
  t.equal((await site.run('stop', '--time', '1', '--wait', 'box')).code, 0);
  writeFileSync(join(here, 'late'), 'late');
  const into = await site.run('cp', join(here, 'late'), 'box:/tmp/late');
  t.equal(into.code, 0, into.err);
  const back = await site.run('cp', 'box:/tmp/late', join(here, 'late-back'));
  t.equal(back.code, 0, back.err);
  t.equal(readFileSync(join(here, 'late-back'), 'utf8'), 'late');
  t.equal(statSync(join(here, 'late-back')).size, 4);
});
