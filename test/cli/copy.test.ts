/** `troupe cp`: what is asked of the API, and what an archive from a container can't do to this machine. */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { entriesOf, tarOf, type TarEntry } from '../support/tar.ts';
import { createCliScene } from './scene.ts';

const web = { uuid: '11111111-1111-4111-8111-111111111111', name: 'web' };
const path = (action: string, file: string): string =>
  `/v1/containers/${web.uuid}/${action}?${new URLSearchParams({ path: file })}`;
const stat = (name: string, mode: number) => ({ name, sizeBytes: 5, mode, modifiedAt: '', linkTarget: '' });
const folderMode = 2 ** 31 + 0o755;
const absent = new ApiError(400, 'It is not in the container');

function temporary(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-cp-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

t.test('into a container: into a folder, to another name, over a file', async (t) => {
  const here = temporary(t);
  writeFileSync(join(here, 'one'), 'first', { mode: 0o640 });
  const sent = async (target: string, there: Record<string, unknown>) => {
    const cli = createCliScene({
      answers: {
        'GET /v1/containers/web': web,
        ...Object.fromEntries(Object.entries(there).map(([file, found]) => [`HEAD ${path('get_archive', file)}`, found])), // prettier-ignore
        [`POST /v1/containers/${web.uuid}/put_archive`]: null,
      },
    });
    const code = await cli.run('cp', join(here, 'one'), `web:${target}`);
    const call = cli.calls.find((each) => each.startsWith('POST'));
    return { code, err: cli.err, call, files: call ? await entriesOf(cli.body(call) as Buffer) : null };
  };
  t.match(await sent('/tmp', { '/tmp': stat('tmp', folderMode) }), {
    code: 0,
    call: `POST ${path('put_archive', '/tmp')}`,
    files: { one: 'first' },
  });
  t.match(await sent('/tmp/two', { '/tmp/two': absent }), {
    call: `POST ${path('put_archive', '/tmp')}`,
    files: { two: 'first' },
  });
  t.match(await sent('/tmp/two', { '/tmp/two': stat('two', 0o644) }), { files: { two: 'first' } });
  t.match(await sent('tmp/two', { '/tmp/two': absent }), { code: 0 }, 'from the root');
  t.match(await sent('/no/', { '/no/': absent }), { code: 1, err: /"\/no\/" of web is not there/ });
});

t.test('a whole folder, with its links as links, and without what can’t be copied', async (t) => {
  const here = temporary(t);
  mkdirSync(join(here, 'site/deep'), { recursive: true });
  for (const name of ['with blank', 'ünïcødé', 'new\nline']) writeFileSync(join(here, 'site', name), name);
  writeFileSync(join(here, 'site/empty'), '');
  symlinkSync('/etc/passwd', join(here, 'site/deep/link'));
  execFileSync('mkfifo', [join(here, 'site/pipe')]);
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': web,
      [`HEAD ${path('get_archive', '/srv')}`]: stat('srv', folderMode),
      [`POST ${path('put_archive', '/srv')}`]: null,
    },
  });
  t.equal(await cli.run('cp', join(here, 'site'), 'web:/srv'), 0, cli.err);
  t.match(cli.err, /left out: ".*pipe"/);
  t.same(await entriesOf(cli.body(`POST ${path('put_archive', '/srv')}`) as Buffer), {
    'site/': null,
    'site/deep/': null,
    'site/deep/link': null,
    'site/empty': '',
    'site/new\nline': 'new\nline',
    'site/with blank': 'with blank',
    'site/ünïcødé': 'ünïcødé',
  });
  t.equal(await cli.run('cp', join(here, 'nothing'), 'web:/srv'), 1);
  t.match(cli.err, /can't be read/);
});

t.test('which of the two is in a container', async (t) => {
  const cli = createCliScene();
  for (const [source, target] of [
    ['a', 'b'],
    ['web:/a', 'web:/b'],
    ['./a:b', '/x'],
    ['/a:b', 'c'],
    [':/a', 'b'],
    ['web:', 'b'],
  ] as const)
    t.equal(await cli.run('cp', source, target), 2, `${source} ${target}`);
  t.match(cli.err, /One of the two must be CONTAINER:PATH/);
});

/** Copies an archive of `/srv/data` into a folder here. */
async function fetched(t: Test, target: (here: string) => string, ...entries: readonly TarEntry[]) {
  const here = temporary(t);
  writeFileSync(join(here, 'outside'), 'untouched');
  mkdirSync(join(here, 'target'));
  const tar = await tarOf(...entries);
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': web,
      [`GET ${path('get_archive', '/srv/data')}`]: { stat: stat('data', folderMode), tar },
    },
  });
  const code = await cli.run('cp', 'web:/srv/data', target(here));
  return { code, err: cli.err, here, at: (name: string) => join(here, name) };
}

const into = (here: string): string => join(here, 'target');

t.test('out of a container: into a folder, or to another name', async (t) => {
  const entries = [
    { name: 'data/', type: 'directory', mode: 0o500 },
    { name: 'data/one', content: 'first', mode: 0o4755 },
    { name: 'data/deep/two', content: 'second' },
    { name: 'data/near', type: 'symlink', linkname: 'deep/two' },
    { name: 'data/same', type: 'link', linkname: 'data/one' },
  ] as const;
  const inside = await fetched(t, into, ...entries);
  t.equal(inside.code, 0, inside.err);
  t.equal(readFileSync(inside.at('target/data/one'), 'utf8'), 'first');
  t.equal(statSync(inside.at('target/data/one')).mode & 0o7777, 0o755, 'no setuid here');
  t.equal(readFileSync(inside.at('target/data/near'), 'utf8'), 'second');
  t.equal(statSync(inside.at('target/data/one')).nlink, 2);
  const other = await fetched(t, (here) => join(here, 'fresh'), ...entries);
  t.equal(other.code, 0, other.err);
  t.equal(readFileSync(other.at('fresh/deep/two'), 'utf8'), 'second');
  t.equal(readFileSync(other.at('fresh/same'), 'utf8'), 'first');
  t.equal((await fetched(t, (here) => join(here, 'no/such'), ...entries)).code, 1);
  t.equal((await fetched(t, (here) => join(here, 'outside'), ...entries)).code, 1, 'a folder over a file');
});

t.test('nothing leaves the folder that it is unpacked into', async (t) => {
  const file = (name: string): TarEntry => ({ name, content: 'evil' });
  const link = (name: string, linkname: string, type = 'symlink'): TarEntry =>
    ({ name, type, linkname }) as TarEntry;
  for (const [what, ...entries] of [
    ['an absolute name', file('/tmp/troupe-evil')],
    ['a name that climbs', file('data/../../outside')],
    ['a hard link out', link('data/x', '../outside', 'link')],
    ['a hard link to an absolute name', link('data/x', '/etc/passwd', 'link')],
    ['a device', { name: 'data/sda', type: 'block-device', devmajor: 8, devminor: 0 } as TarEntry],
    ['a sparse file', { name: 'data/x', content: '', pax: { 'GNU.sparse.size': '9' } } as TarEntry],
  ] as readonly [string, ...TarEntry[]][]) {
    const { code, at } = await fetched(t, into, ...entries);
    t.equal(code, 1, what);
    t.equal(readFileSync(at('outside'), 'utf8'), 'untouched', what);
  }
  const out = await fetched(
    t,
    into,
    link('data/up', '../../outside'),
    link('data/etc', '/etc'),
    link('data/around', 'deep/../../../outside'),
    file('data/fine'),
  );
  t.equal(out.code, 0);
  t.match(out.err, /left out: "data\/up" is a link to "\.\.\/\.\.\/outside", out of what is copied/);
  t.same(readdirSync(out.at('target/data')), ['fine']);
});

t.test('no file goes through a link, whoever made it', async (t) => {
  const through = await fetched(t, into, { name: 'data/deep', type: 'symlink', linkname: '.' } as TarEntry, {
    name: 'data/deep/one',
    content: 'x',
  });
  t.equal(through.code, 1, 'a link that a folder of the same tar stands in the way of');
  t.ok(lstatSync(through.at('target/data/deep')).isDirectory(), 'links are made last');
  const hard = await fetched(
    t,
    into,
    { name: 'data/l', type: 'symlink', linkname: 'x' } as TarEntry,
    { name: 'data/h', type: 'link', linkname: 'data/l' } as TarEntry,
  );
  t.match(hard, { code: 1, err: /hard link to what is no file/ });
  const here = temporary(t);
  mkdirSync(join(here, 'target/data'), { recursive: true });
  writeFileSync(join(here, 'outside'), 'untouched');
  symlinkSync('../../outside', join(here, 'target/data/one'));
  symlinkSync('../..', join(here, 'target/data/deep'));
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': web,
      [`GET ${path('get_archive', '/srv/data')}`]: {
        stat: stat('data', folderMode),
        tar: await tarOf(
          { name: 'data/one', content: 'evil' },
          { name: 'data/deep/outside', content: 'evil' },
        ),
      },
    },
  });
  t.equal(await cli.run('cp', 'web:/srv/data', join(here, 'target')), 1);
  t.match(cli.err, /"deep" is there, and is no folder|deep" is there/);
  t.equal(readFileSync(join(here, 'outside'), 'utf8'), 'untouched');
  t.equal(readFileSync(join(here, 'target/data/one'), 'utf8'), 'evil', 'a file in place of the link');
  t.throws(() => readlinkSync(join(here, 'target/data/one')));
});

t.test('what breaks off is said', async (t) => {
  const here = temporary(t);
  const tar = (await tarOf({ name: 'data/one', content: 'x'.repeat(5_000) })).subarray(0, 2_000);
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': web,
      [`GET ${path('get_archive', '/srv/data')}`]: { stat: stat('data', folderMode), tar },
    },
  });
  t.equal(await cli.run('cp', 'web:/srv/data', here), 1);
  t.match(cli.err, /broke off before their end/);
});
