/** Pause, kill, update, top, stats, commit, and images. */
import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { imageTar } from '../../src/agent/image-tar.ts';
import type { Limits } from '../../src/model/container.ts';
import {
  creation,
  type DriverUnderTest,
  listen,
  onStage,
  said,
  type Stage,
  started,
} from './runtime-driver-stage.ts';

const execute = promisify(execFile);

export async function runtimeDriverVerbs(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('pausing freezes, unpausing goes on, each as often as asked', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    const begun = await started(stage);
    const events = listen(stage);
    t.same(await events.next(), { kind: 'gap' });
    for (const _ of [1, 2])
      t.match(await driver.pause.pause(operation(), signal), {
        state: 'paused',
        startedAt: begun.startedAt,
        exitCode: null,
      });
    for (const _ of [1, 2])
      t.match(await driver.pause.unpause(operation(), signal), {
        state: 'running',
        startedAt: begun.startedAt,
      });
    const actions = [];
    do actions.push((await events.nextOfMine()).action);
    while (actions.at(-1) !== 'unpause');
    t.same(
      actions.filter((action) => action === 'pause' || action === 'unpause'),
      ['pause', 'unpause'],
    );
    await events.end();
  });

  await t.test('what is paused can be stopped, killed and removed', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    await started(stage);
    await driver.pause.pause(operation(), signal);
    t.match(await driver.stopContainer(operation(), { graceMs: 0 }, signal), { state: 'exited' });
    await driver.startContainer(operation(), { run: 2, limits: null }, signal);
    await driver.pause.pause(operation(), signal);
    await t.rejects(driver.startContainer(operation(), { run: 2, limits: null }, signal), {
      code: 'START_FAILED',
      message: /it is paused; unpause it first/,
    });
    const killed = await driver.killContainer(operation(), { signal: 'SIGKILL' }, signal);
    t.match(killed, { state: 'exited', exitCode: 137 });
    await driver.startContainer(operation(), { run: 3, limits: null }, signal);
    await driver.pause.pause(operation(), signal);
    await driver.removeContainer(operation(), signal);
    t.equal(await driver.observe(id, signal), null);
  });

  await t.test('only what runs, and is of this incarnation, can be paused', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const { pause, unpause } = driver.pause;
    await t.rejects(pause(operation(), signal), { code: 'CONTAINER_GONE' });
    await driver.createContainer(operation(), creation(spec()), signal);
    await t.rejects(pause(operation(), signal), { code: 'INVALID_STATE', message: /it does not run/ });
    await t.rejects(unpause(operation(), signal), { code: 'INVALID_STATE' });
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    await t.rejects(pause(operation(2), signal), { code: 'CONTAINER_GONE' });
    const foreign = { ...operation(), worldId: `${under.worldId}-other` };
    await t.rejects(pause(foreign, signal), { code: 'CONTAINER_GONE' });
  });

  await t.test('a signal reaches the main process; what does not run gets none', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    const kill = (name: string) => driver.killContainer(operation(), { signal: name }, signal);
    t.equal(await kill('SIGTERM'), null);
    await started(stage, 'trap "exit 7" USR1; trap "" TERM; echo ready; while :; do sleep 0.05; done');
    await said(stage, /ready/);
    t.match(await kill('SIGTERM'), { state: 'running' });
    await t.rejects(kill('SIGNOPE'), { code: 'INVALID_SPEC' });
    t.match(await driver.observe(id, signal), { state: 'running' });
    await kill('10');
    const ended = await driver.stopContainer(operation(), { graceMs: 10_000 }, signal);
    t.match(ended, { state: 'exited', exitCode: 7 });
    t.same(await kill('SIGKILL'), ended);
    await driver.startContainer(operation(), { run: 2, limits: null }, signal);
    t.match(await kill('SIGKILL'), { state: 'exited', exitCode: 137 });
    t.equal(
      await driver.killContainer(operation(2), { signal: 'SIGKILL' }, signal),
      null,
      'another generation',
    );
  });

  await t.test('limits change while it runs, and are those of its next runs', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    const begun = await started(stage, undefined, { cpu: 0.5, memoryMib: 32 });
    t.same(await limitsOf(stage), { cpu: 0.5, memoryMib: 32 });
    const limits = { cpu: 1.5, memoryMib: 64 };
    const updated = await driver.update.update(operation(), limits, signal);
    t.match(updated, { observation: { state: 'running', startedAt: begun.startedAt } });
    t.same(updated.left, []);
    t.same(await limitsOf(stage), limits);
    t.same((await driver.update.update(operation(), limits, signal)).left, [], 'once more');

    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    await driver.startContainer(operation(), { run: 2, limits }, signal);
    t.same(await limitsOf(stage), limits);
    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    const less = { cpu: 0.25, memoryMib: 48 };
    t.match(await driver.update.update(operation(), less, signal), {
      observation: { state: 'exited' },
      left: [],
    });
    await driver.startContainer(operation(), { run: 3, limits: less }, signal);
    t.same(await limitsOf(stage), less);
    await driver.startContainer(operation(), { run: 3, limits }, signal);
    t.same(await limitsOf(stage), limits, 'starting what runs gives it its limits too');
  });

  await t.test('no limit is all that the host has', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage, undefined, { cpu: 0.5, memoryMib: 32 });
    const host = await driver.fingerprint(signal);
    await driver.update.update(operation(), { cpu: null, memoryMib: null }, signal);
    const { cpu, memoryMib } = await limitsOf(stage);
    t.equal(cpu, host.cpus);
    t.ok((memoryMib ?? 0) >= host.memoryMib);
  });

  await t.test('less memory than it uses is left as it is, and told in words', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    const script = 'x=$(head -c 20000000 /dev/zero | tr "\\0" a); echo ready; while :; do sleep 0.1; done';
    await started(stage, script, { memoryMib: 128, cpu: 1 });
    await said(stage, /ready/);
    const { left } = await driver.update.update(operation(), { cpu: 0.5, memoryMib: 8 }, signal);
    t.match(left, [{ limit: 'memoryMib', reason: /^it uses .*more/ }]);
    t.equal(left.length, 1);
    t.same(await limitsOf(stage), { cpu: 0.5, memoryMib: 128 });
    await t.rejects(driver.update.update(operation(2), { cpu: 1, memoryMib: 64 }, signal), {
      code: 'CONTAINER_GONE',
    });
  });

  await t.test('its processes, as ps(1) shows them', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    await t.rejects(driver.top.top(id, '-ef', signal), { code: 'CONTAINER_GONE' });
    await driver.createContainer(operation(), creation(spec()), signal);
    await t.rejects(driver.top.top(id, '-ef', signal), { code: 'INVALID_STATE' });
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    for (const args of ['-ef', 'aux', '']) {
      const { titles, processes } = await driver.top.top(id, args, signal);
      t.ok(titles.includes('PID') && titles.length >= 4, `${args}: ${titles.join(' ')}`);
      for (const row of processes) t.equal(row.length, titles.length);
      t.match(processes.find((row) => row.at(-1) === 'sleep 300')?.[titles.indexOf('PID')], /^\d+$/);
    }
    await t.rejects(driver.top.top(id, '-o nosuchcolumn', signal), { code: 'INVALID_SPEC' });
  });

  await t.test('what it has used', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    const sandbox = await driver.ensureSandbox(operation(), { sandboxId: id, hostname: null }, signal);
    const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo ready; exec sleep 300';
    const asked = spec({ memoryMib: 64, command: ['sh', '-c', script] });
    await driver.createContainer(operation(), creation(asked, { sandbox }), signal);
    await t.rejects(driver.stats.sample(id, signal), { code: 'INVALID_STATE' });
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    await said(stage, /ready/);
    const before = await driver.stats.sample(id, signal);
    t.ok(before.cpuNanos > 0 && before.systemCpuNanos > before.cpuNanos && before.cpus >= 1);
    t.ok(before.memoryBytes > 0 && before.memoryBytes <= 64 * 1024 * 1024);
    t.equal(before.memoryLimitBytes, 64 * 1024 * 1024);
    t.ok(Math.abs(before.at - Date.now()) < 60_000);
    t.match(before, { networkSentBytes: 0, networkReceivedBytes: 0 });
    for (const figure of Object.values(before)) t.ok(Number.isFinite(figure));
    // What our own driver plugs in is counted, too.
    const inside = (...command: string[]) =>
      execute('nsenter', [`--net=${sandbox.netnsPath}`, '--', ...command]);
    await inside('ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two');
    for (const name of ['one', 'two']) await inside('ip', 'link', 'set', name, 'up');
    const knock = () =>
      inside('busybox', 'arping', '-c', '1', '-w', '1', '-I', 'one', '10.9.8.7').catch(() => undefined);
    let after = before;
    // A pair that has just come up may drop what is sent first.
    for (let tries = 0; tries < 20 && after.networkReceivedBytes === 0; tries += 1) {
      await knock();
      after = await driver.stats.sample(id, signal);
    }
    t.ok(after.networkSentBytes > 0 && after.networkReceivedBytes > 0);
  });

  await t.test('an image of what it is now is nobody of ours', async (t) => {
    const stage = onStage(under);
    const { driver, spec, byHand, id, operation, signal } = stage;
    const repository = `troupe.test/${under.worldId}`;
    const image = `${repository}:v1`;
    await t.rejects(driver.commit.commit(operation(), { repository, tag: 'v1' }, signal), {
      code: 'CONTAINER_GONE',
    });
    await started(stage, 'echo changed >/note; echo ready; exec sleep 300', { labels: { app: 'x' } });
    await said(stage, /ready/);
    const identity = operation();
    const { imageId } = await driver.commit.commit(identity, { repository, tag: 'v1' }, signal);
    t.same(
      await driver.commit.commit(identity, { repository, tag: 'v1' }, signal),
      { imageId },
      'asked again by the same operation, it is what it was',
    );
    t.match(await driver.observe(id, signal), { state: 'running' }, 'it goes on afterwards');
    const details = (await driver.imageTools.list(signal)).find((each) => each.imageId === imageId);
    t.match(details, { references: [image] });
    t.ok((details?.sizeBytes ?? 0) > 0 && Math.abs((details?.createdAt ?? 0) - Date.now()) < 60_000);
    t.ok((await driver.images(signal)).includes(image));

    const stranger = await byHand.create(image);
    const mine = async () =>
      (await driver.list(signal)).filter(({ observation }) => observation.engineId === stranger);
    t.same(await mine(), []);
    t.match((await byHand.view(stranger))?.labels, { app: 'x' });
    await driver.removeContainer(operation(), signal);
    t.not(await byHand.view(stranger), null);

    await t.rejects(driver.imageTools.remove(image, signal), {
      code: 'IMAGE_IN_USE',
      retryable: false,
    });
    await byHand.remove(stranger);
    const other = onStage(under);
    const asked = spec({ image, command: ['cat', '/note'] });
    await driver.createContainer(other.operation(), creation(asked), signal);
    await driver.removeContainer(other.operation(), signal);
    await driver.imageTools.remove(image, signal);
    await driver.imageTools.remove(image, signal);
    t.notOk((await driver.images(signal)).includes(image));
  });

  await t.test('an image of a name without a registry is found, run and removed by it', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const image = `troupe-commit/${under.worldId}/team/app:v1`;
    await started(stage, 'echo changed >/note; echo ready; exec sleep 300');
    await said(stage, /ready/);
    const name = { repository: image.slice(0, image.lastIndexOf(':')), tag: 'v1' };
    const { imageId } = await driver.commit.commit(operation(), name, signal);
    const later = await driver.commit.commit(operation(), name, signal);
    t.not(later.imageId, imageId, 'another operation makes another');
    const ids = (await driver.imageTools.list(signal)).map((each) => each.imageId);
    t.ok(ids.includes(later.imageId));
    t.notOk(ids.includes(imageId), 'and what has lost its name goes');
    t.ok((await driver.images(signal)).includes(image));
    t.same(await driver.pullImage(operation(), image, 'never', signal), later);
    const other = onStage(under);
    const asked = spec({ image, command: ['cat', '/note'] });
    await driver.createContainer(other.operation(), creation(asked), signal);
    await driver.removeContainer(other.operation(), signal);
    await driver.removeContainer(operation(), signal);
    await driver.imageTools.remove(image, signal);
    t.notOk((await driver.images(signal)).includes(image));
  });

  await t.test(
    'an image goes as a tar and comes back; what breaks off, or is none, leaves nothing',
    async (t) => {
      const stage = onStage(under);
      const { driver, spec, operation, signal } = stage;
      const images = driver.imageTransfer;
      const [name, other] = ['one', 'two'].map((tag) => `troupe-glance/${under.worldId}:${tag}`) as [
        string,
        string,
      ];
      await started(stage, 'echo kept >/note; echo ready; exec sleep 300');
      await said(stage, /ready/);
      const made = { repository: `troupe-glance/${under.worldId}`, tag: 'one' };
      await driver.commit.commit(operation(), made, signal);
      await driver.removeContainer(operation(), signal);
      await images.rename(name, other, signal);
      await images.rename(name, other, signal);
      t.equal(await images.find(name, signal), null);
      const saved = await buffer(await images.save(other, signal));
      await driver.imageTools.remove(other, signal);
      await t.rejects(images.save(other, signal), { code: 'IMAGE_NOT_FOUND' });
      await t.rejects(images.rename(name, other, signal), { code: 'IMAGE_NOT_FOUND' });
      const tar = (bytes: Buffer) =>
        imageTar(Readable.from([bytes]), {
          image: name,
          reference: `docker.io/${name}`,
          architecture: '',
          passed: () => {},
          check: () => {},
          layers: 'kept apart',
        });
      await t.rejects(images.load(name, tar(saved.subarray(0, saved.length / 2)), signal), {
        code: 'IMAGE_CORRUPT',
      });
      await t.rejects(images.load(name, Readable.from([Buffer.from('no tar')]), signal), {
        code: 'IMAGE_CORRUPT',
      });
      t.equal(await images.find(name, signal), null);
      await images.load(name, tar(saved), signal);
      t.not(await images.find(name, signal), null);
      t.equal(await images.find(other, signal), null, 'the names in it are nothing');
      const again = onStage(under);
      const asked = spec({ image: name, imagePullPolicy: 'never', command: ['cat', '/note'] });
      await driver.createContainer(again.operation(), creation(asked), signal);
      await driver.removeContainer(again.operation(), signal);
      await driver.imageTools.remove(name, signal);
    },
  );

  await t.test('a search of a registry that can not be reached says so', async (t) => {
    const { driver, signal } = onStage(under);
    await t.rejects(driver.imageTools.search('troupe.invalid/nothing', signal), {
      name: 'TroupeError',
      code: 'REGISTRY_UNAVAILABLE',
      message: /could not be searched for "troupe\.invalid\/nothing"/,
    });
  });
}

/** What its control groups say, seen from inside. */
async function limitsOf({ driver, operation, signal }: Stage): Promise<Limits> {
  const script =
    'cd /sys/fs/cgroup; if [ -e memory.max ]; then cat memory.max cpu.max; else cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; fi';
  const { output } = await driver.exec.run(
    operation(),
    { command: ['sh', '-c', script], timeLimitMs: 30_000, maxOutputBytes: 1_000 },
    signal,
  );
  const [memory = 0, quota = 0, period = 1] = output.split(/\s+/).map(Number);
  return { cpu: quota / period, memoryMib: Math.ceil(memory / 1024 / 1024) };
}
