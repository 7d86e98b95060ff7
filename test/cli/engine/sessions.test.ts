/** `troupe exec`, `attach` and `run -it` by the real command, at a real terminal, against a real engine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { projectFolder } from '../../support/project.ts';
import { atTerminal, type AtTerminal } from '../../support/pseudo-terminal.ts';
import { createCommandSite, removeContainers, testImage } from './command-site.ts';

t.setTimeout(300_000);

const site = await createCommandSite(t);
const up = await site.run('up', '--detach');
t.equal(up.code, 0, up.err);
// Teardowns run last first.
t.teardown(() => removeContainers(site));

const troupe = join(projectFolder(), 'bin', 'troupe');
const env = { PATH: process.env['PATH']!, HOME: site.directory, TROUPE_CONFIG_FILE: site.configFile };
const terminal = (t: Test, ...argv: readonly string[]): AtTerminal => {
  const at = atTerminal([troupe, ...argv], env, { rows: 33, columns: 99 });
  t.teardown(() => at.kill());
  return at;
};
/** With `input` as its stdin; what it wrote, as bytes. */
const piped = async (input: Buffer, ...argv: readonly string[]) => {
  const child = spawn(troupe, argv, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = once(child, 'close');
  const [out, err] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, out, err: String(err) };
};
const processes = async (name: string): Promise<string> => (await site.run('exec', name, 'ps')).out;

t.test('without a terminal: every byte, both ways, and the exit code', async (t) => {
  t.match(await site.run('run', '-d', '--name', 'web', testImage, 'sleep', '600'), { code: 0 });
  t.match(await site.run('exec', 'web', 'sh', '-c', 'echo gräßlich; exit 3'), { code: 3, out: 'gräßlich\n' });
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7) % 256));
  const back = await piped(bytes, 'exec', '-i', 'web', 'cat');
  t.equal(back.code, 0, back.err);
  t.ok(back.out.equals(bytes), `${back.out.length} of ${bytes.length} bytes came back`);
  t.match(await piped(bytes, 'exec', '-i', 'web', 'sh', '-c', 'head -c 0; exit 5'), { code: 5 });
  t.match(await site.run('exec', 'web', 'no-such-command'), { code: 126, out: /not found in \$PATH/ });
  t.match(await site.run('exec', 'nobody', 'true'), { code: 3 });
});

t.test('at a terminal: its size, then another, and the exit code', async (t) => {
  const born = terminal(t, 'exec', '-it', 'web', 'sh', '-c', 'sleep 0.5; stty size');
  await born.shows(/33 99/);
  t.match(await born.ended, { code: 0 }, 'from its beginning');
  const at = terminal(t, 'exec', '-it', 'web', 'sh');
  await at.raw();
  await at.shows(/# /);
  at.type('stty size\r');
  await at.shows(/33 99/);
  await at.resize(40, 120);
  at.type('sleep 1; stty size\r');
  await at.shows(/40 120/);
  // Told by what is to be interrupted, so that the key can't come before it.
  at.type("sh -c 'echo sleep-$((3 + 3)); exec sleep 77'\r");
  await at.shows(/sleep-6/);
  at.type('\u0003');
  await at.shows(/# /);
  at.type('exit 6\r');
  t.match(await at.ended, { code: 6 });
});

t.test('keys leave it, and so does a client that is killed: what it ran goes on', async (t) => {
  const left = terminal(t, 'exec', '-it', 'web', 'sleep', '4321');
  await left.raw();
  while (!(await processes('web')).includes('sleep 4321'));
  left.type('\u0010\u0011');
  await left.shows(/left the command in web; it goes on/);
  t.match(await left.ended, { code: 0 });
  t.match(await processes('web'), /sleep 4321/);
  const killed = site.start('exec', 'web', 'sh', '-c', 'echo begun; sleep 4322');
  await killed.written(/begun/);
  killed.child.kill('SIGKILL');
  await killed.ended;
  t.match(await processes('web'), /sleep 4322/);
});

t.test('an endless output that is read slowly stays small, and ends with its reader', async (t) => {
  const child = spawn(troupe, ['exec', 'web', 'yes'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  let read = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > 20_000_000) break;
  }
  child.stdout.destroy();
  await once(child, 'exit');
  t.ok(read > 20_000_000);
});

t.test('run -it is at the container’s own terminal; attach comes back to it', async (t) => {
  const at = terminal(t, 'run', '-it', '--name', 'shell', testImage, 'sh');
  await at.raw();
  at.type('stty size; echo word-$((1 + 1))\r');
  await at.shows(/33 99[^]*word-2/);
  at.type('\u0010\u0011');
  await at.shows(/left shell; it runs on/);
  t.match(await at.ended, { code: 0 });
  t.match(await site.json('show', 'shell'), { status: 'Running', interactive: true, tty: true });
  const again = terminal(t, 'attach', 'shell');
  await again.raw();
  again.type('echo word-$((2 + 2))\r');
  await again.shows(/word-4/);
  again.type('exit 9\r');
  t.match(await again.ended, { code: 9 });
  t.match(await site.run('attach', 'web'), { code: 2, err: /interactive/ });
});
