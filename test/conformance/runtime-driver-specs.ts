/** What a spec becomes, what is refused, images and sandboxes. */
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { ContainerSpec } from '../../src/model/container.ts';
import { type DriverUnderTest, onStage, type Stage } from './runtime-driver-stage.ts';

const first = { run: 1 };

export async function runtimeDriverSpecs(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('the fingerprint tells engine and machine', async (t) => {
    const { driver, signal } = onStage(under);
    const fingerprint = await driver.fingerprint(signal);
    t.match(fingerprint, { engine: driver.name, engineUp: true, engineProblem: null });
    t.ok(fingerprint.cpus >= 1 && fingerprint.memoryMib >= 128 && fingerprint.diskGib >= 1);
    t.ok(fingerprint.runtimes.length > 0 && fingerprint.hostname !== '');
  });

  await t.test('images are listed by reference, and one that is there needs no pull', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const { image } = spec();
    t.ok((await driver.images(signal)).includes(image));
    const { imageId } = await driver.pullImage(operation(), image, 'ifnotpresent', signal);
    t.same(await driver.pullImage(operation(), image, 'never', signal), { imageId });
  });

  await t.test('an absent image', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const image = 'troupe.invalid/absent:1';
    const absent = { name: 'TroupeError', code: 'IMAGE_NOT_FOUND', retryable: false };
    await t.rejects(driver.pullImage(operation(), image, 'never', signal), absent);
    await t.rejects(
      driver.createContainer(operation(), { spec: spec({ image }), sandboxId: null, run: 1 }, signal),
      absent,
    );
    await t.rejects(
      driver.pullImage(operation(), image, 'ifnotpresent', signal),
      { code: 'REGISTRY_UNAVAILABLE', retryable: true },
      'its registry has no address',
    );
  });

  await t.test('limits, labels and nothing more than asked', async (t) => {
    const { driver, spec, byHand, id, operation, signal } = onStage(under);
    const asked = spec({ cpu: 0.5, memoryMib: 64, pidsLimit: 32, labels: { app: 'x' } });
    const identity = operation(4);
    const made = await driver.createContainer(identity, { spec: asked, sandboxId: null, run: 9 }, signal);
    t.same(await byHand.view(made.engineId), {
      labels: {
        app: 'x',
        'troupe.world': under.worldId,
        'troupe.container-id': id,
        'troupe.tenant': 'p1',
        'troupe.generation': '4',
        'troupe.run': '9',
        'troupe.op': identity.opId,
        'troupe.epoch': '3',
      },
      nanoCpus: 500_000_000,
      cpuShares: 512,
      memoryBytes: 64 * 1024 * 1024,
      memoryAndSwapBytes: 64 * 1024 * 1024,
      pidsLimit: 32,
      restartPolicy: 'no',
      privileged: false,
      runs: false,
    });
  });

  await t.test("a user's label can't pass for one of ours", async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const options = { spec: spec({ labels: { 'troupe.tenant': 'p2' } }), sandboxId: null, run: 1 };
    await t.rejects(driver.createContainer(operation(), options, signal), { code: 'INVALID_SPEC' });
  });

  await t.test('command, entrypoint, environment, folder and hostname reach the process', async (t) => {
    const asked = {
      entrypoint: ['sh', '-c'],
      command: ['echo "$GREETING $(pwd) $(hostname)"'],
      environment: { GREETING: 'a=b c' },
      workdir: '/tmp',
      hostname: 'stage',
    };
    const stage = onStage(under);
    t.equal(await outputOf(stage, asked), 'a=b c /tmp stage\n');
    t.match(await stage.driver.observe(stage.id, stage.signal), {
      entrypoint: asked.entrypoint,
      command: asked.command,
      hostname: 'stage',
      state: 'exited',
      exitCode: 0,
    });
  });

  await t.test('what the spec leaves open is filled from the image', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const options = { spec: spec({ command: null }), sandboxId: null, run: 1 };
    const made = await driver.createContainer(operation(), options, signal);
    t.ok(made.command.length > 0);
    t.ok(made.hostname !== null && made.hostname !== '');
  });

  await t.test('with stdin open a shell waits, without it ends', async (t) => {
    for (const interactive of [true, false]) {
      const stage = onStage(under);
      const { driver, spec, id, operation, signal } = stage;
      const asked = spec({ command: ['sh'], interactive, tty: interactive });
      await driver.createContainer(operation(), { spec: asked, sandboxId: null, run: 1 }, signal);
      await driver.startContainer(operation(), first, signal);
      if (interactive) t.match(await driver.observe(id, signal), { state: 'running' });
      else t.match(await exitOf(stage), { state: 'exited', exitCode: 0 });
    }
  });

  await t.test('a start that fails says why, and is remembered', async (t) => {
    const { driver, spec, id, operation, signal } = onStage(under);
    const options = { spec: spec({ command: ['no-such-command'] }), sandboxId: null, run: 1 };
    await driver.createContainer(operation(), options, signal);
    await t.rejects(driver.startContainer(operation(), first, signal), {
      name: 'TroupeError',
      code: 'START_FAILED',
      message: /"no-such-command" is not in the image/,
      retryable: false,
    });
    t.match(await driver.observe(id, signal), {
      startedAt: null,
      error: /"no-such-command" is not in the image/,
    });
  });

  await t.test('more memory than allowed is told as such', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const asked = spec({ memoryMib: 16, command: ['sh', '-c', 'tail /dev/zero; exit 3'] });
    await driver.createContainer(operation(), { spec: asked, sandboxId: null, run: 1 }, signal);
    await driver.startContainer(operation(), first, signal);
    t.match(await exitOf(stage), { state: 'exited', oomKilled: true });
  });

  await t.test('a sandbox is made once, kept across runs of who joins it, and restored', async (t) => {
    const { driver, again, spec, byHand, id, operation, signal } = onStage(under);
    const { sandboxId } = await driver.ensureSandbox(operation(), 'stage', signal);
    t.same(await again().ensureSandbox(operation(), 'stage', signal), { sandboxId });
    t.same(
      (await driver.list(signal)).filter(({ observation }) => observation.containerId === id),
      [],
      'it is not listed as a container',
    );
    const asked = spec({ command: ['sh', '-c', 'hostname; exec sleep 300'], hostname: 'stage' });
    await driver.createContainer(operation(), { spec: asked, sandboxId, run: 1 }, signal);
    t.match(await driver.startContainer(operation(), first, signal), { state: 'running' });
    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    t.match(await driver.startContainer(operation(), { run: 2 }, signal), { state: 'running' });
    await driver.removeContainer(operation(), signal);
    t.match(await byHand.view(sandboxId), { runs: true });

    await byHand.kill(sandboxId, 'SIGKILL');
    t.same(await driver.ensureSandbox(operation(), 'stage', signal), { sandboxId });
    t.match(await byHand.view(sandboxId), { runs: true });
    const next = await driver.ensureSandbox(operation(2), 'stage', signal);
    t.not(next.sandboxId, sandboxId, 'never handed to another generation');
    await driver.removeSandbox(operation(1), signal);
    t.match(await byHand.view(next.sandboxId), { runs: true });
    await driver.removeSandbox(operation(2), signal);
    await driver.removeSandbox(operation(2), signal);
    t.equal(await byHand.view(next.sandboxId), null);
  });
}

/** Runs it to its end and gives all it wrote. */
async function outputOf(stage: Stage, changes: Partial<ContainerSpec>): Promise<string> {
  const { driver, spec, id, operation, signal } = stage;
  await driver.createContainer(operation(), { spec: spec(changes), sandboxId: null, run: 1 }, signal);
  await driver.startContainer(operation(), first, signal);
  const options = {
    stdout: true,
    stderr: true,
    timestamps: false,
    tail: 'all',
    sinceSeconds: 0,
    follow: true,
  } as const;
  const output = await text(await driver.logs(id, options, signal));
  await exitOf(stage);
  return output;
}

/** Its observation once it has ended, found by the engine's events. */
async function exitOf({ driver, id, signal }: Stage) {
  const done = new AbortController();
  for await (const event of driver.events(AbortSignal.any([signal, done.signal]))) {
    if (event.kind !== 'gap' && !(event.kind === 'container' && event.containerId === id)) continue;
    const observation = await driver.observe(id, signal);
    if (observation?.state === 'exited') return observation;
  }
  return null;
}
