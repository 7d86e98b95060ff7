/** hosts, resolv.conf and hostname: what they say, and that they stay the files that were mounted. */
import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { text as textOf } from 'node:stream/consumers';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { renderHosts } from '../../../src/drivers/network/hosts-file.ts';
import { readResolvConf, renderResolvConf } from '../../../src/drivers/network/resolv-conf.ts';
import { createSandboxFiles } from '../../../src/drivers/network/sandbox-files.ts';
import { program } from '../../support/run-program.ts';
import { needRoot } from '../../support/need-root.ts';

needRoot();

async function place(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-files-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const spec = (changes = {}) => ({
  sandboxId: randomUUID(),
  hostname: 'web',
  addresses: ['10.64.0.2'],
  neighbours: [{ address: '10.64.0.3', names: ['db', 'db-host', 'c0ffee'] }],
  dns: null,
  ...changes,
});

t.test('names of the container and of its neighbours', async (t) => {
  t.equal(
    renderHosts('web.example.org', ['10.64.0.2', 'fd00::2'], [{ address: '10.64.0.3', names: ['db', 'db'] }]),
    `127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
10.64.0.2 web.example.org web
fd00::2 web.example.org web
10.64.0.3 db
`,
  );
  for (const names of [
    [],
    [''],
    ['a b'],
    ['a\n6.6.6.6 bank'],
    ['#'],
    ['10.0.0.1'],
    ['a'.repeat(254)],
    ['-a'],
  ])
    t.throws(() => renderHosts('web', [], [{ address: '10.64.0.3', names }]), { code: 'INVALID_INPUT' });
  t.throws(() => renderHosts('web', ['10.64.0.2 x'], []), { code: 'INVALID_INPUT' });
});

t.test("of the host's resolvers those that a container can ask", async (t) => {
  const dns = readResolvConf(`# by hand
nameserver 127.0.0.53
nameserver 192.0.2.7 ; ours
nameserver ::1
nameserver fe80::1%eth0
nameserver 2001:db8::53
nameserver 0.0.0.0
domain old.example
search example.org corp.example.org
options ndots:2 timeout:1 edns0
sortlist 130.155.160.0
`);
  t.strictSame(dns, {
    nameservers: ['192.0.2.7'],
    search: ['example.org', 'corp.example.org'],
    options: ['ndots:2', 'timeout:1', 'edns0'],
  });
  t.equal(
    renderResolvConf(dns),
    'nameserver 192.0.2.7\nsearch example.org corp.example.org\noptions ndots:2 timeout:1 edns0\n',
  );
  t.equal(
    renderResolvConf({ nameservers: ['fd00::53'], search: ['.'], options: [] }),
    'nameserver fd00::53\nsearch .\n',
  );
  for (const wrong of [
    { nameservers: ['dns.example'] },
    { nameservers: ['10.0.0.1\nnameserver 6.6.6.6'] },
    { search: ['a b'] },
    { search: ['a\nb'] },
    { options: ['x y'] },
    { options: ['$x'] },
  ])
    t.throws(() => renderResolvConf({ nameservers: [], search: [], options: [], ...wrong }), {
      code: 'INVALID_INPUT',
    });
});

t.test('whatever a host has, what is written of it is read as the same', async () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string(),
          fc.ipV4().map((ip) => `nameserver ${ip}`),
        ),
      ),
      (lines) => {
        const dns = readResolvConf(lines.join('\n'));
        return JSON.stringify(readResolvConf(renderResolvConf(dns))) === JSON.stringify(dns);
      },
    ),
  );
});

t.test('the next file is asked when the first names loopback only', async (t) => {
  const folder = await place(t);
  const [stub, real] = [join(folder, 'stub'), join(folder, 'real')];
  await writeFile(stub, 'nameserver 127.0.0.53\nsearch stub.example\n');
  const make = () => createSandboxFiles({ directory: join(folder, 'files'), resolvConfs: [stub, real] });
  const alone = await make().ensure(spec());
  t.strictSame(alone.nameservers, []);
  t.equal(await readFile(alone.resolvConf, 'utf8'), 'search stub.example\n');
  await writeFile(real, 'nameserver 192.0.2.9\n');
  const asked = await make().ensure(spec());
  t.strictSame(asked.nameservers, ['192.0.2.9']);
  const given = await make().ensure(spec({ dns: { nameservers: ['192.0.2.1'], search: [], options: [] } }));
  t.equal(await readFile(given.resolvConf, 'utf8'), 'nameserver 192.0.2.1\n');
});

t.test('the files are for everybody to read, also under a strict umask', async (t) => {
  const directory = join(await place(t), 'files');
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  const paths = await createSandboxFiles({ directory }).ensure(spec());
  for (const path of [paths.hosts, paths.resolvConf, paths.hostname])
    t.equal((await stat(path)).mode & 0o777, 0o644);
  t.equal((await stat(join(paths.hosts, '..'))).mode & 0o777, 0o755);
  t.equal(await readFile(paths.hostname, 'utf8'), 'web\n');
  await chmod(paths.hosts, 0o600);
  await createSandboxFiles({ directory }).ensure({ ...spec(), sandboxId: (await ids(directory))[0]! });
  t.equal((await stat(paths.hosts)).mode & 0o777, 0o644);
});

const ids = (directory: string): Promise<readonly string[]> => createSandboxFiles({ directory }).list();

t.test('what is mounted is rewritten in place, longer and shorter', async (t) => {
  const folder = await place(t);
  const files = createSandboxFiles({ directory: join(folder, 'files') });
  const one = spec();
  const { hosts } = await files.ensure(one);
  const mounted = join(folder, 'mounted');
  await writeFile(mounted, '');
  await program('mount', '--bind', hosts, mounted);
  t.teardown(() => program('umount', mounted));
  const { ino } = await stat(hosts);
  const neighbours = Array.from({ length: 200 }, (_, index) => ({
    address: `10.64.1.${index}`,
    names: [`neighbour-${index}`],
  }));
  for (const count of [200, 0, 3, 120, 1]) {
    const some = neighbours.slice(0, count);
    await files.ensure({ ...one, neighbours: some });
    t.equal(await readFile(mounted, 'utf8'), renderHosts('web', one.addresses, some));
  }
  t.equal((await stat(hosts)).ino, ino);
});

t.test('who reads while it is rewritten reads a file that begins and ends well', async (t) => {
  const files = createSandboxFiles({ directory: join(await place(t), 'files') });
  const one = spec();
  const { hosts } = await files.ensure(one);
  const neighbour = { address: '10.64.0.4', names: ['another'] };
  let reads = 0;
  const rewriting = (async () => {
    for (let turn = 0; turn < 200; turn++)
      await files.ensure({ ...one, neighbours: turn % 2 === 0 ? [neighbour, ...one.neighbours] : [] });
  })();
  const state = { done: false };
  void rewriting.then(() => (state.done = true));
  while (!state.done) {
    // As resolvers read, to the end: `readFile` stops at the size that the file had when it was opened.
    const text = await textOf(createReadStream(hosts));
    if (!text.startsWith('127.0.0.1 localhost\n') || !text.endsWith('\n')) t.fail(JSON.stringify(text));
    reads += 1;
  }
  await rewriting;
  t.ok(reads > 0);
});

t.test('a link in the place of a file is not followed', async (t) => {
  const folder = await place(t);
  const directory = join(folder, 'files');
  const files = createSandboxFiles({ directory });
  const one = spec();
  const { hosts } = await files.ensure(one);
  const victim = join(folder, 'victim');
  await writeFile(victim, 'precious');
  await rm(hosts);
  await symlink(victim, hosts);
  await t.rejects(files.ensure(one), { code: 'NETWORK_ERROR' });
  t.equal(await readFile(victim, 'utf8'), 'precious');
  await files.remove(one.sandboxId);
  t.equal(await readFile(victim, 'utf8'), 'precious');
});

t.test('they are listed, removed, and removed again', async (t) => {
  const directory = join(await place(t), 'files');
  const files = createSandboxFiles({ directory });
  t.strictSame(await files.list(), []);
  const [one, two] = [spec(), spec()];
  await files.ensure(one);
  await files.ensure(two);
  await writeFile(join(directory, 'not-ours'), '');
  t.strictSame(await files.list(), [one.sandboxId, two.sandboxId].toSorted());
  await files.remove(one.sandboxId);
  await files.remove(one.sandboxId);
  t.strictSame(await files.list(), [two.sandboxId]);
  for (const bad of ['..', '../x', '', 'not-ours'])
    await t.rejects(async () => files.remove(bad), { code: 'INVALID_INPUT' }, bad);
});
