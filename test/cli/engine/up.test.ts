/** `troupe up` and `down` as processes: one per state directory, faults in one line, nothing signalled that isn't ours. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quote } from 'shlex';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { projectFolder } from '../../support/project.ts';
import { testCertificate } from '../../support/test-certificate.ts';
import { createCommandSite, type CommandSite, type Ended } from './command-site.ts';

t.setTimeout(300_000);

const pidOf = (site: CommandSite): number =>
  (JSON.parse(readFileSync(join(site.directory, 'state', 'troupe.pid'), 'utf8')) as { pid: number }).pid;

/** Gone, or only waiting for whoever adopted it to take note. */
const hasEnded = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/stat`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');

/** It failed with `code` and one line on stderr, and nothing else. */
function oneLine(t: Test, { code, out, err }: Ended, words: RegExp, wanted = 2): void {
  t.equal(code, wanted, err);
  t.equal(out, '');
  const lines = err
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('starting; the log is'));
  t.equal(lines.length, 1, err);
  t.match(lines[0], words);
}

t.test('up, up again, down, down again', async (t) => {
  const site = await createCommandSite(t);
  const first = await site.run('up', '--detach');
  t.equal(first.code, 0, first.err);
  t.match(
    first.err,
    new RegExp(`Troupe is up \\(process ${pidOf(site)}\\) at http://127\\.0\\.0\\.1:${site.port}\n$`),
  );
  t.match(
    await site.json('hosts'),
    [{ state: 'online', admission: 'open' }],
    'with its host, from the first moment',
  );

  const again = await site.run('up', '-d');
  t.equal(again.code, 0);
  t.match(again.err, `Troupe is up already (process ${pidOf(site)})`);
  const who = new RegExp(
    `"troupe up" runs already on this state directory: process ${pidOf(site)}, since .*; stop it first`,
  );
  oneLine(t, await site.run('up'), who);
  oneLine(t, await site.run('up', '--control-plane-only'), who);
  oneLine(t, await site.run('agent', '--set', 'agent.controlUrl=ws://127.0.0.1:1'), who);
  t.match(await site.json('hosts'), [{ state: 'online' }], 'and the first is none the worse');

  const state = join(site.directory, 'state');
  t.equal(statSync(state).mode & 0o777, 0o700);
  for (const name of [
    'admin.token',
    'tokens.json',
    'site.key',
    'troupe.pid',
    'agent.pid',
    'troupe.log',
    'link.sock',
  ])
    t.equal(statSync(join(state, name)).mode & 0o077, 0, `${name} is for its owner alone`);
  t.match(await site.json('doctor'), Array(7).fill({ ok: true }));

  const pid = pidOf(site);
  const down = await site.run('down');
  t.equal(down.code, 0);
  t.equal(
    down.err,
    `"troupe up" (process ${pid}) has stopped\nContainers run on; "troupe up" looks after them again\n`,
  );
  t.ok(hasEnded(pid));
  t.match((await site.run('down')).err, `Nothing of Troupe ran on ${state}`);
  chmodSync(join(state, 'admin.token'), 0o644);
  const doctor = await site.run('doctor', '--set', 'engine.socket=/nowhere.sock');
  t.equal(doctor.code, 1);
  t.match(doctor.out, /^state +false +others may reach admin\.token in .* chmod -R go= /m);
  t.match(
    doctor.out,
    /^engine +false +No container engine listens at "\/nowhere\.sock"; start it +Start the container engine/m,
  );
  t.match(doctor.out, /^troupe +false +is not up +Start it with "troupe up --detach"$/m);
  oneLine(
    t,
    await site.run('list'),
    /Nobody answers at http:\/\/127\.0\.0\.1:\d+; start Troupe with "troupe up --detach"/,
    7,
  );
});

t.test('two at once: one is up, the other is told which', async (t) => {
  const site = await createCommandSite(t);
  const both = await Promise.all([site.run('up', '-d'), site.run('up', '-d')]);
  const told = both.map(({ err }) => err).join('');
  t.match(told, /Troupe is up \(process \d+\)/);
  t.match(told, /Troupe is up already \(process \d+\)/);
  t.same(
    both.map(({ code }) => code),
    [0, 0],
  );
  t.equal((await site.run('list')).code, 0);
});

t.test('killed, it is up again at once; a pid that is used again is left alone', async (t) => {
  const site = await createCommandSite(t);
  await site.run('up', '-d');
  const killed = pidOf(site);
  process.kill(killed, 'SIGKILL');
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  const path = join(site.directory, 'state', 'troupe.pid');
  writeFileSync(path, readFileSync(path, 'utf8').replace(String(killed), String(stranger.pid)));
  t.match((await site.run('down')).err, /Nothing of Troupe ran|"troupe up" \(process \d+\) has stopped/);
  t.equal(stranger.exitCode ?? stranger.signalCode, null, 'the stranger lives');
  const again = await site.run('up', '-d');
  t.equal(again.code, 0, again.err);
  t.not(pidOf(site), stranger.pid);
});

t.test('a signal stops it in order, and its starter may go at any time', async (t) => {
  const site = await createCommandSite(t);
  const foreground = site.start('up');
  await foreground.written(/host synced/);
  foreground.child.kill('SIGINT');
  t.match(await foreground.ended, { code: 0 });
  t.match((await site.run('down')).err, 'Nothing of Troupe ran');

  const starter = site.start('up', '-d');
  await starter.written(/starting; the log is/);
  starter.child.kill('SIGKILL');
  await starter.ended;
  // The one that was begun goes on, and is found by the next.
  const next = await site.run('up', '-d');
  t.equal(next.code, 0, next.err);
});

t.test('what is wrong on this machine is one line, in the foreground as in the background', async (t) => {
  const site = await createCommandSite(t);
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const file = (name: string, text: string): string => {
    const path = join(site.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const cert = file('cert.pem', testCertificate.cert);
  const key = file('key.pem', testCertificate.key);
  const junk = file('junk.pem', 'junk');
  const closed = join(site.directory, 'closed');
  mkdirSync(closed);
  writeFileSync(join(closed, 'file'), '');
  const long = join(site.directory, 'x'.repeat(100));
  const faults: readonly (readonly [readonly string[], RegExp, number?])[] = [
    [
      [`api.port=${port}`],
      new RegExp(
        `"api\\.port" \\(from flag\\) must be free: something listens on 127\\.0\\.0\\.1:${port} already; .*--set api\\.port=`,
      ),
    ],
    [['api.host=192.0.2.1'], /"api\.host" \(from flag\) must be an address of this machine: .*EADDRNOTAVAIL/],
    [
      [`state.directory=${join(closed, 'file')}`],
      /"state\.directory" \(from flag\) must be a directory that this user may write/,
    ],
    [[`state.directory=${long}`], /"state\.directory" \(from flag\) must be shorter: .*link\.sock/],
    [[`api.certFile=${cert}`, 'api.keyFile=/nowhere'], /"api\.keyFile" \(from flag\) can't be read: ENOENT/],
    [
      [`api.certFile=${junk}`, `api.keyFile=${key}`],
      /"api\.certFile" \(from flag\) and api\.keyFile are no PEM pair/,
    ],
    [
      ['store.kind=redis', 'store.redisPasswordFile=/nowhere'],
      /"store\.redisPasswordFile" \(from flag\) can't be read: ENOENT/,
    ],
    [
      ['store.kind=redis', `store.redisCaFile=${junk}`],
      /"store\.redisCaFile" \(from flag\) must hold a certificate in PEM/,
    ],
    [['store.kind=redis', 'store.redisUrl=redis://127.0.0.1:1'], /Redis.*127\.0\.0\.1:1/, 7],
    [['log.level=loud'], /"log\.level" \(from flag\) must be one of debug, info, warn, error, not "loud"/],
  ];
  for (const [settings, words, code] of faults) {
    const flags = settings.flatMap((setting) => ['--set', setting]);
    // The log's last words are handed on by the same way, whatever they are.
    for (const detach of words === faults[0]![1] || code !== undefined ? [[], ['--detach']] : [[]]) {
      const ended = await site.run('up', ...detach, ...flags);
      const logged = /^\{.*\}$/gm;
      oneLine(t, { ...ended, out: ended.out.replaceAll(logged, '').trim() }, words, code);
    }
  }
  // The same through a file names the file.
  const other = file('other.yaml', stringify({ api: { port: 'x' } }));
  oneLine(
    t,
    await site.run('up', '--config', other),
    /"api\.port" \(from .*other\.yaml\) must be a whole number/,
  );
  chmodSync(closed, 0o700);
  t.match((await site.run('down')).err, 'Nothing of Troupe ran', 'nothing of it is left');
});

t.test('a port that another Troupe has is no reason to take its store', async (t) => {
  const site = await createCommandSite(t);
  await site.run('up', '-d');
  const state = join(site.directory, 'second');
  const second = await site.run('up', '-d', '--set', `state.directory=${state}`);
  oneLine(t, second, /"api\.port" .* must be free/);
  t.equal((await site.run('list')).code, 0);
});

t.test('colour is for a terminal, and for who wants it', async (t) => {
  const site = await createCommandSite(t);
  const line = `${quote(join(projectFolder(), 'bin', 'troupe'))} config`;
  const environment = { PATH: process.env['PATH']!, HOME: site.directory, TERM: 'xterm' };
  const onTerminal = async (variables: Readonly<Record<string, string>>): Promise<string> =>
    (
      await promisify(execFile)('script', ['-qec', line, '/dev/null'], {
        env: { ...environment, ...variables },
      })
    ).stdout;
  const escape = '\u001b[';
  t.match(await onTerminal({}), escape);
  t.notMatch(await onTerminal({ NO_COLOR: '1' }), escape);
  t.notMatch(await onTerminal({ TERM: 'dumb' }), escape);
  t.notMatch((await site.run('config')).out, escape);
});
