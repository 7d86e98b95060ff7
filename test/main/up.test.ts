/** `troupe up` as people run it, and kill -9 as power cuts do: containers don't notice, nothing is in the way of the next start. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { freePort, startRedis } from '../support/redis.ts';
import { createCli, type Cli } from '../support/cli.ts';
import { docker, testImage, until } from '../support/troupe.ts';

interface Listed {
  readonly uuid: string;
  readonly name: string;
  readonly status: string;
}

const execute = promisify(execFile);
const bin = join(import.meta.dirname, '..', '..', '..', 'bin', 'troupe');

t.setTimeout(400_000);

const redis = await startRedis();
t.teardown(() => redis.stop());

/** The process that `up --detach` started; killed when the test is over. */
function pidOf(t: Test, said: string): number {
  const pid = Number(/process (\d+)/.exec(said)?.[1]);
  t.teardown(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  });
  return pid;
}

async function killNow(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until(
    'its end',
    async () => processState(pid),
    (state) => state === null || state === 'Z',
  );
}

/** As in /proc/<pid>/stat; null when there is no such process. */
function processState(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? null;
  } catch {
    return null;
  }
}

const statuses = async (cli: Cli, config: string): Promise<Readonly<Record<string, string>>> => {
  const found = await cli.json<readonly Listed[]>('--config', config, 'list');
  return Object.fromEntries(found.map(({ name, status }) => [name, status]));
};

for (const kind of ['embedded', 'redis'] as const) {
  t.test(`up, run, kill -9, up again, over ${kind}`, async (t) => {
    t.setTimeout(180_000);
    const cli = createCli(t);
    const config = cli.configure('site', {
      state: { directory: join(cli.directory, 'state') },
      api: { port: await freePort() },
      store: kind === 'redis' ? { kind, redisUrl: redis.url, redisPrefix: 'up:' } : { kind },
    });
    const troupe = (...argv: string[]) => cli.run('--config', config, ...argv);

    t.equal((await troupe('list')).code, 2, 'before the first start there is nothing to talk to');
    const first = await troupe('up', '--detach');
    t.equal(first.code, 0, first.err);
    const firstPid = pidOf(t, first.err);
    const twice = await troupe('up', '--detach');
    t.equal(twice.code, 0);
    t.match(twice.err, new RegExp(`up already \\(process ${firstPid}\\)`));
    const inFront = await troupe('up');
    t.equal(inFront.code, 2, 'a second one in front is refused');
    t.match(inFront.err, new RegExp(`process ${firstPid}`));

    const run = await troupe('run', '-d', '--name', 'web', '-l', cli.label, testImage, 'sleep', '600');
    t.equal(run.code, 0, run.err);
    const restarting = await troupe(
      'run',
      '-d',
      '--name',
      'phoenix',
      '-l',
      cli.label,
      '--restart',
      'always',
      testImage,
      'sleep',
      '600',
    );
    t.equal(restarting.code, 0, restarting.err);
    t.same(await statuses(cli, config), { web: 'Running', phoenix: 'Running' });
    const before = await cli.containers();
    t.equal(before.length, 2);

    await killNow(firstPid);
    const dead = await troupe('list');
    t.equal(dead.code, 7, 'nobody answers');
    t.equal((await troupe('down')).code, 0, 'there is nothing to stop');
    t.same(await cli.containers(), before, 'containers run on without us');

    // While nobody looks, one of them is killed.
    const names = new Map(
      (await docker.listContainers({ all: true, filters: { label: [cli.label] } })).map(({ Id, Labels }) => [
        Labels['troupe.container-id'],
        Id,
      ]),
    );
    const webId = names.get(run.out.trim())!;
    await docker.getContainer(webId).kill();

    const second = await troupe('up', '--detach');
    t.equal(second.code, 0, second.err);
    const secondPid = pidOf(t, second.err);
    t.not(secondPid, firstPid);
    const seen = await until(
      'what happened meanwhile',
      () => statuses(cli, config),
      ({ web: status }) => status === 'Stopped',
    );
    t.same(seen, { web: 'Stopped', phoenix: 'Running' });
    const after = await cli.containers();
    t.same(
      after.find(({ id }) => id !== webId),
      before.find(({ id }) => id !== webId),
      'the one that ran is the same, started when it was',
    );
    t.equal(after.length, 2, 'and there is no second of any');
    t.equal((await troupe('audit')).code, 0, 'everything has its owner');
    t.equal((await troupe('start', 'web')).code, 0);
    await until(
      'running',
      () => statuses(cli, config),
      ({ web: status }) => status === 'Running',
    );

    // Killed in the middle of a delete: the next start finishes it.
    await troupe('rm', '--force', 'phoenix');
    await killNow(secondPid);
    const third = await troupe('up', '--detach');
    t.equal(third.code, 0, third.err);
    pidOf(t, third.err);
    await until(
      'the end of the deleted one',
      () => statuses(cli, config),
      ({ phoenix }) => phoenix === undefined,
    );
    await until(
      'one container',
      () => cli.containers(),
      (found) => found.length === 1,
    );
    t.equal((await troupe('rm', '--force', 'nobody')).code, 3, 'an unknown one is told by the exit code');
    t.equal((await troupe('rm', '--force', '--wait', 'web')).code, 0);
    t.same(await cli.containers(), []);
    const down = await troupe('down');
    t.equal(down.code, 0);
    t.match(down.err, /has stopped/);
    t.equal((await troupe('list')).code, 7);
  });
}

t.test('bin/troupe hands on exit codes, and a store that is not there is one line', async (t) => {
  t.setTimeout(120_000);
  const cli = createCli(t);
  const port = await freePort();
  const config = cli.configure('site', {
    state: { directory: join(cli.directory, 'state') },
    api: { port: await freePort() },
    store: { kind: 'redis', redisUrl: `redis://127.0.0.1:${port}` },
  });
  const through = (...argv: string[]) =>
    execute(bin, ['--config', config, ...argv], {
      env: { PATH: process.env['PATH'], HOME: cli.directory },
    }).then(
      () => ({ code: 0, stderr: '' }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    );
  for (const detached of [[], ['--detach']]) {
    const { code, stderr } = await through('up', ...detached);
    t.equal(code, 7, `up ${detached.join()}`);
    const said = stderr.split('\n').filter((line) => line.startsWith('troupe: '));
    t.equal(said.length, 1, stderr);
    t.match(said[0], new RegExp(`Redis does not answer: .*ECONNREFUSED.*${port}`));
  }
  t.equal((await through('--version')).code, 0);
  t.equal((await through('frobnicate')).code, 2);
});
