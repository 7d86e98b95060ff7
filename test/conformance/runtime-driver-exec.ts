/** Further processes in a container, and its own terminal. */
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { RunOptions } from '../../src/drivers/runtime/runtime-powers.ts';
import { creation, type DriverUnderTest, onStage, type Stage, started } from './runtime-driver-stage.ts';

export async function runtimeDriverExec(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('a command is run to its end, with all it wrote and its exit code', async (t) => {
    const stage = onStage(under);
    await started(stage, undefined, { environment: { GREETING: 'hello' }, workdir: '/tmp' });
    t.same(await run(stage, 'echo "$GREETING $(pwd)"; sleep 0.1; echo err >&2; exit 3'), {
      end: 'exited',
      exitCode: 3,
      output: 'hello /tmp\nerr\n',
      truncated: false,
    });
    t.match(await run(stage, 'cat'), { exitCode: 0, output: '' }, 'its stdin is empty');
    t.match(
      await run(stage, 'exec >&- 2>&-; sleep 0.5; exit 4'),
      { end: 'exited', exitCode: 4 },
      'the end of the process counts, not that of its output',
    );
  });

  await t.test('the output kept is bounded, not what the command may write', async (t) => {
    const stage = onStage(under);
    await started(stage);
    const long = await run(stage, 'yes 0123456 | head -c 5000000; exit 6', { maxOutputBytes: 10 });
    t.same(long, { end: 'exited', exitCode: 6, output: '0123456\n01', truncated: true });
    const fitting = await run(stage, 'printf 12345', { maxOutputBytes: 5 });
    t.match(fitting, { output: '12345', truncated: false });
    const cut = await run(stage, "printf 'aäöü'", { maxOutputBytes: 4 });
    t.match(cut, { output: 'aä', truncated: true }, 'no half character');
  });

  await t.test('after its time limit a command is killed, with what it started', async (t) => {
    const stage = onStage(under);
    const { driver, id, signal } = stage;
    await started(stage);
    const script = 'echo begun; trap "" TERM; sleep 4321 & sleep 4321';
    t.same(await run(stage, script, { timeLimitMs: 700 }), {
      end: 'killed',
      exitCode: null,
      output: 'begun\n',
      truncated: false,
    });
    const { processes } = await driver.top.top(id, '-ef', signal);
    t.notOk(processes.some((row) => row.at(-1)?.includes('4321')));
    t.match(await driver.observe(id, signal), { state: 'running' });
    t.match(await run(stage, 'echo fine', { timeLimitMs: 30_000 }), { output: 'fine\n' });
  });

  await t.test('a command that is not there, or none', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const options = { timeLimitMs: 30_000, maxOutputBytes: 10_000 };
    t.match(await driver.exec.run(operation(), { command: ['no-such-command'], ...options }, signal), {
      end: 'exited',
      exitCode: 127,
      output: /^command "no-such-command" is not in the image\n$/,
    });
    t.match(await driver.exec.run(operation(), { command: ['/etc/passwd'], ...options }, signal), {
      end: 'exited',
      exitCode: 126,
      output: /may not be executed: permission denied/,
    });
    const own = await run(stage, 'echo exec failed: unable; exit 127');
    t.match(own, { output: 'exec failed: unable\n' }, "a command's own words stay its own");
  });

  await t.test('a container that ends takes its commands with it', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const running = run(stage, 'echo begun; sleep 4321', { timeLimitMs: 50_000 });
    const { execId } = await driver.exec.create(
      operation(),
      { command: ['sleep', '1'], tty: false, interactive: false },
      signal,
    );
    await (await driver.exec.start(operation(), execId, signal)).resume().toArray();
    await driver.killContainer(operation(), { signal: 'SIGKILL' }, signal);
    t.match(await running, { end: 'exited', exitCode: 137 });
  });

  await t.test('only in what runs, and is of this incarnation', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    await t.rejects(run(stage, 'true'), { code: 'CONTAINER_GONE' });
    await driver.createContainer(operation(), creation(spec()), signal);
    await t.rejects(run(stage, 'true'), { code: 'INVALID_STATE', message: /it does not run/ });
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    const options = { command: ['true'], timeLimitMs: 1_000, maxOutputBytes: 0 };
    await t.rejects(driver.exec.run(operation(2), options, signal), { code: 'CONTAINER_GONE' });
    await driver.pause.pause(operation(), signal);
    await t.rejects(run(stage, 'true'), { code: 'INVALID_STATE', message: /it is paused; unpause it/ });
    await t.rejects(driver.exec.run(operation(), options, AbortSignal.abort()), { code: 'TIMED_OUT' });
  });

  await t.test('giving up the wait leaves the command running', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    await started(stage);
    const command = ['sleep', '4321'];
    const options = { command, timeLimitMs: 50_000, maxOutputBytes: 0 };
    await t.rejects(driver.exec.run(operation(), options, AbortSignal.timeout(500)), {
      name: 'TroupeError',
      code: 'TIMED_OUT',
    });
    const { processes } = await driver.top.top(id, '-ef', signal);
    t.ok(processes.some((row) => row.at(-1) === 'sleep 4321'));
  });

  await t.test('a session with a terminal', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const asked = { command: ['sh'], tty: true, interactive: true };
    const { execId } = await driver.exec.create(operation(), asked, signal);
    t.match(execId, /^[0-9a-f]{64}$/);
    const inspect = () => driver.exec.inspect(operation(), execId, signal);
    t.same(await inspect(), { running: false, exitCode: null });
    const stream = await driver.exec.start(operation(), execId, signal);
    const screen = reader(stream);
    await screen.until(/# /);
    t.same(await inspect(), { running: true, exitCode: null });
    await driver.exec.resize(operation(), execId, { rows: 33, columns: 99 }, signal);
    stream.write('stty size\n');
    await screen.until(/33 99/);
    stream.write('exit 5\n');
    await screen.end();
    t.same(await inspect(), { running: false, exitCode: 5 });
    await driver.exec.resize(operation(), execId, { rows: 1, columns: 1 }, signal);
    await t.rejects(driver.exec.start(operation(), execId, signal), { code: 'INVALID_STATE' });
  });

  await t.test('a size that is told at once is the one it begins with', async () => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const asked = { command: ['sh', '-c', 'sleep 0.5; stty size'], tty: true, interactive: true };
    const { execId } = await driver.exec.create(operation(), asked, signal);
    const stream = await driver.exec.start(operation(), execId, signal);
    await driver.exec.resize(operation(), execId, { rows: 33, columns: 99 }, signal);
    await reader(stream).until(/33 99/);
    stream.destroy();
  });

  await t.test('a session without one: its stdin ends when the stream is ended', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const { stream, execId } = await session(stage, ['sh', '-c', 'wc -c; echo done >&2; exit 2']);
    const size = 3_000_000;
    for (let sent = 0; sent < size; sent += 100_000)
      if (!stream.write(Buffer.alloc(100_000))) await new Promise((resolve) => stream.once('drain', resolve));
    stream.end();
    // Output and errors are pipes of their own: either may be read first.
    t.same((await text(stream)).trim().split(/\s+/).sort(), [String(size), 'done']);
    while ((await driver.exec.inspect(operation(), execId, signal)).running);
    t.same(await driver.exec.inspect(operation(), execId, signal), { running: false, exitCode: 2 });
  });

  await t.test('a slow reader holds the process back and gets every byte', async (t) => {
    const stage = onStage(under);
    await started(stage);
    const size = 40_000_000;
    const { stream } = await session(stage, ['head', '-c', String(size), '/dev/zero']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.ok(stream.readableLength < 1024 * 1024, `${stream.readableLength} bytes wait in memory`);
    t.equal((await buffer(stream)).length, size);
  });

  await t.test('who leaves a session leaves its process', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    for (const how of ['destroy', 'abort']) {
      const left = new AbortController();
      const { execId } = await driver.exec.create(
        operation(),
        { command: ['sleep', '200'], tty: false, interactive: false },
        signal,
      );
      const stream = await driver.exec.start(operation(), execId, left.signal);
      stream.on('error', () => undefined);
      const closed = new Promise((resolve) => stream.once('close', resolve));
      if (how === 'destroy') stream.destroy();
      else left.abort();
      await closed;
      t.match(await driver.exec.inspect(operation(), execId, signal), { running: true }, how);
    }
  });

  await t.test("another container's session is none", async (t) => {
    const [mine, other] = [onStage(under), onStage(under)];
    for (const stage of [mine, other]) await started(stage);
    const { driver, signal } = mine;
    const asked = { command: ['sleep', '200'], tty: true, interactive: true };
    const { execId } = await driver.exec.create(mine.operation(), asked, signal);
    const none = { code: 'NOT_FOUND' };
    for (const id of [execId, '0'.repeat(64), '../../x', '']) {
      await t.rejects(driver.exec.inspect(other.operation(), id, signal), none);
      await t.rejects(driver.exec.start(other.operation(), id, signal), none);
      await t.rejects(driver.exec.resize(other.operation(), id, { rows: 9, columns: 9 }, signal), none);
    }
    t.same(await driver.exec.inspect(mine.operation(), execId, signal), {
      running: false,
      exitCode: null,
    });
  });

  await t.test("the container's own terminal, as often as asked", async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const asked = spec({ command: ['sh'], tty: true, interactive: true });
    await driver.createContainer(operation(), creation(asked), signal);
    const notRunning = { code: 'INVALID_STATE', message: /does not run/ };
    await t.rejects(driver.attach.attach(operation(), signal), notRunning);
    const size = { rows: 22, columns: 77 };
    await t.rejects(driver.attach.resize(operation(), size, signal), notRunning);
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    for (const word of ['first', 'second']) {
      const stream = await driver.attach.attach(operation(), signal);
      const screen = reader(stream);
      await driver.attach.resize(operation(), size, signal);
      stream.write(`stty size; echo ${word}-$((1 + 1))\n`);
      await screen.until(new RegExp(`22 77[^]*${word}-2`));
      stream.destroy();
      t.match(await driver.observe(stage.id, signal), { state: 'running' }, 'leaving is not ending');
    }
    const stream = await driver.attach.attach(operation(), signal);
    stream.write('exit 9\n');
    await reader(stream).end();
    t.match(await driver.stopContainer(operation(), { graceMs: 5_000 }, signal), { exitCode: 9 });
    await t.rejects(driver.attach.attach(operation(2), signal), { code: 'CONTAINER_GONE' });
  });

  await t.test('the stdin and output of a container without a terminal', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const script = 'while read -r line; do echo "got $line"; echo "err $line" >&2; done';
    const asked = spec({ command: ['sh', '-c', script], interactive: true });
    await driver.createContainer(operation(), creation(asked), signal);
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    const stream = await driver.attach.attach(operation(), signal);
    const screen = reader(stream);
    stream.write('one\n');
    await screen.until(/got one\n/);
    await screen.until(/err one\n/);
    stream.destroy();
    t.ok(stream.destroyed);
  });

  await t.test('what is not interactive can be watched', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage, 'while :; do echo tick; sleep 0.1; done');
    const stream = await driver.attach.attach(operation(), signal);
    await reader(stream).until(/tick\ntick\n/);
    stream.destroy();
    t.match(await driver.observe(stage.id, signal), { state: 'running' });
  });
}

function run({ driver, operation, signal }: Stage, script: string, limits: Partial<RunOptions> = {}) {
  const options = { timeLimitMs: 30_000, maxOutputBytes: 100_000, ...limits };
  return driver.exec.run(operation(), { command: ['sh', '-c', script], ...options }, signal);
}

async function session({ driver, operation, signal }: Stage, command: readonly string[]) {
  const asked = { command, tty: false, interactive: true };
  const { execId } = await driver.exec.create(operation(), asked, signal);
  return { execId, stream: await driver.exec.start(operation(), execId, signal) };
}

/** What a stream has said so far. */
function reader(stream: Duplex) {
  let said = '';
  let look: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  stream.on('data', (chunk) => {
    said += String(chunk);
    look();
  });
  return {
    until: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        look = () => pattern.test(said) && resolve();
        void ended.then(() => reject(new Error(`The stream ended without ${pattern}: ${said}`)));
        look();
      }),
    end: () => ended,
  };
}
