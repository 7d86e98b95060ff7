/** Who runs on a state directory: one at a time, never mistaken for another. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeZombie } from '../support/zombie.ts';
import { claimProcess, runningProcess } from '../../src/main/process-file.ts';

const sleeper = (t: Test): ChildProcess => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
};
/** The claim that this process would make, as it is written, for another pid. */
function holderOf(path: string, changes: Readonly<Record<string, unknown>>): void {
  const claim = claimProcess(path, 'troupe up');
  const holder = JSON.parse(readFileSync(path, 'utf8')) as object;
  claim.release();
  writeFileSync(path, JSON.stringify({ ...holder, ...changes }));
}

t.test('one claims, the other is told who has it, until it is released', async (t) => {
  const path = join(t.testdir(), 'troupe.pid');
  const claim = claimProcess(path, 'troupe up');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.match(runningProcess(path), { pid: process.pid, command: 'troupe up', startedAt: Number });
  try {
    claimProcess(path, 'troupe store copy');
    t.fail('it was claimed twice');
  } catch (error) {
    t.match(
      (error as Error).message,
      `"troupe up" runs already on this state directory: process ${process.pid}, since`,
    );
    t.notMatch((error as Error).message, '\n');
  }
  claim.release();
  t.equal(runningProcess(path), null);
  t.notOk(existsSync(path));
  claimProcess(path, 'troupe up').release();
});

t.test('what a killed process left is no claim', async (t) => {
  const path = join(t.testdir(), 'troupe.pid');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'claiming-process.js'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  t.match(runningProcess(path), { pid: child.pid });
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.ok(existsSync(path));
  t.equal(runningProcess(path), null);
  claimProcess(path, 'troupe up').release();
});

t.test('a pid that is used again by another process is neither it, nor signalled', async (t) => {
  const path = join(t.testdir(), 'troupe.pid');
  const stranger = sleeper(t);
  let ended = false;
  stranger.once('exit', () => (ended = true));
  holderOf(path, { pid: stranger.pid });
  t.equal(runningProcess(path), null, 'born at another time');
  const claim = claimProcess(path, 'troupe up');
  t.match(runningProcess(path), { pid: process.pid });
  claim.release();
  holderOf(path, { pid: stranger.pid, boot: 'another boot' });
  t.equal(runningProcess(path), null, 'of another boot');
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(ended);
});

t.test('a file that says nothing is no claim', async (t) => {
  for (const content of ['', '1234', 'null', '{"pid":"1"}', '{']) {
    const path = join(t.testdir({ 'troupe.pid': content }), 'troupe.pid');
    t.equal(runningProcess(path), null);
    claimProcess(path, 'troupe up').release();
  }
});

t.test('a process that has ended and was not waited for has ended', async (t) => {
  const path = join(t.testdir(), 'troupe.pid');
  holderOf(path, { ...(await makeZombie(t)) });
  t.equal(runningProcess(path), null);
});

t.test('a signal reaches the very process that claims', async (t) => {
  const path = join(t.testdir(), 'troupe.pid');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'claiming-process.js'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const running = runningProcess(path)!;
  t.equal(running.signal('SIGTERM'), true);
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  t.equal(signal, 'SIGTERM');
  t.notOk(running.isAlive());
  t.equal(running.signal('SIGKILL'), false, 'what has ended is not signalled');
});
