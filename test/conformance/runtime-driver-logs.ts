/** A container's output. */
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { LogOptions } from '../../src/drivers/runtime/runtime-driver.ts';
import { allOutput, creation, type DriverUnderTest, onStage, type Stage } from './runtime-driver-stage.ts';

export async function runtimeDriverLogs(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('both streams as plain text, each apart, or none', async (t) => {
    const stage = onStage(under);
    await start(stage, 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three');
    const read = (options: Partial<LogOptions>) => readLogs(stage, options);
    t.equal(await read({ follow: true }), 'one\ntwo\nthree\n', 'follows to the end of the container');
    t.equal(await read({}), 'one\ntwo\nthree\n');
    t.equal(await read({ stderr: false }), 'one\nthree\n');
    t.equal(await read({ stdout: false }), 'two\n');
    t.equal(await read({ stdout: false, stderr: false }), '');
  });

  await t.test('tail, since and timestamps', async (t) => {
    const stage = onStage(under);
    await start(stage, 'for i in 1 2 3; do echo $i; done; sleep 2; echo late');
    const whole = await readLogs(stage, { follow: true, timestamps: true });
    t.match(whole, /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z (1|2|3|late)\n){4}$/);
    t.equal(await readLogs(stage, { tail: 2 }), '3\nlate\n');
    t.equal(await readLogs(stage, { tail: 0 }), '');
    const lateAt = Date.parse(whole.trimEnd().split('\n').at(-1)?.split(' ')[0] ?? '');
    t.equal(await readLogs(stage, { sinceSeconds: Math.floor(lateAt / 1000) }), 'late\n');
    t.equal(await readLogs(stage, { sinceSeconds: Math.floor(lateAt / 1000) + 60 }), '');
  });

  await t.test('a terminal has one stream', async (t) => {
    const stage = onStage(under);
    await start(stage, 'echo one; echo two >&2', true);
    t.equal(await readLogs(stage, { follow: true }), 'one\r\ntwo\r\n');
  });

  await t.test('following tells lines as they come, and ends with its reader', async (t) => {
    const stage = onStage(under);
    await start(stage, 'while :; do echo tick; sleep 0.1; done');
    const output = await stage.driver.logs(stage.id, { ...allOutput, follow: true }, stage.signal);
    let ticks = 0;
    for await (const chunk of output) {
      ticks += String(chunk).match(/tick/g)?.length ?? 0;
      if (ticks > 5) break;
    }
    t.ok(output.destroyed);
    t.match(await stage.driver.observe(stage.id, stage.signal), { state: 'running' });
  });

  await t.test('aborting ends the stream, whether it is read or not', async (t) => {
    const stage = onStage(under);
    await start(stage, 'while :; do echo tick; sleep 0.1; done');
    for (const isRead of [true, false]) {
      const ended = new AbortController();
      const output = await stage.driver.logs(stage.id, { ...allOutput, follow: true }, ended.signal);
      const closed = new Promise((resolve) => output.once('close', resolve));
      if (isRead) output.resume().on('error', () => {});
      ended.abort();
      await closed;
      t.ok(output.destroyed);
    }
  });

  await t.test('a slow reader holds the engine back and gets every byte', async (t) => {
    const stage = onStage(under);
    const lines = 100_000;
    await start(stage, `i=0; while [ $i -lt ${lines} ]; do echo "line number $i of many"; i=$((i+1)); done`);
    await text(await stage.driver.logs(stage.id, { ...allOutput, follow: true }, stage.signal));
    const output = await stage.driver.logs(stage.id, allOutput, stage.signal);
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.ok(output.readableLength < 1024 * 1024, `${output.readableLength} bytes wait in memory`);
    const got = (await text(output)).trimEnd().split('\n');
    t.equal(got.length, lines);
    t.equal(got.at(-1), `line number ${lines - 1} of many`);
  });

  await t.test('the output of what is not there', async (t) => {
    const { driver, id, signal } = onStage(under);
    await t.rejects(driver.logs(id, allOutput, signal), { name: 'TroupeError', code: 'CONTAINER_GONE' });
  });
}

async function start(stage: Stage, script: string, tty = false): Promise<void> {
  const { driver, spec, operation, signal } = stage;
  const asked = spec({ command: ['sh', '-c', script], tty });
  await driver.createContainer(operation(), creation(asked), signal);
  await driver.startContainer(operation(), { run: 1, limits: null }, signal);
}

async function readLogs(stage: Stage, options: Partial<LogOptions>): Promise<string> {
  return text(await stage.driver.logs(stage.id, { ...allOutput, ...options }, stage.signal));
}
