/** What a spec becomes, what is refused, and images. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { CreateOptions } from '../../src/drivers/runtime/runtime-driver.ts';
import type { ContainerSpec } from '../../src/model/container.ts';
import {
  allOutput,
  creation,
  type DriverUnderTest,
  exitOf,
  hostFolder,
  onStage,
  type Stage,
} from './runtime-driver-stage.ts';

const first = { run: 1, limits: null };

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
    await t.rejects(driver.createContainer(operation(), creation(spec({ image })), signal), absent);
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
    const made = await driver.createContainer(identity, creation(asked, { run: 9 }), signal);
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
    const options = creation(spec({ labels: { 'troupe.tenant': 'p2' } }));
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
    const options = creation(spec({ command: null }));
    const made = await driver.createContainer(operation(), options, signal);
    t.ok(made.command.length > 0);
    t.ok(made.hostname !== null && made.hostname !== '');
  });

  await t.test('with stdin open a shell waits, without it ends', async (t) => {
    for (const interactive of [true, false]) {
      const stage = onStage(under);
      const { driver, spec, id, operation, signal } = stage;
      const asked = spec({ command: ['sh'], interactive, tty: interactive });
      await driver.createContainer(operation(), creation(asked), signal);
      await driver.startContainer(operation(), first, signal);
      if (interactive) t.match(await driver.observe(id, signal), { state: 'running' });
      else t.match(await exitOf(stage), { state: 'exited', exitCode: 0 });
    }
  });

  await t.test('a start that fails says why, and is remembered', async (t) => {
    const { driver, spec, id, operation, signal } = onStage(under);
    const options = creation(spec({ command: ['no-such-command'] }));
    await driver.createContainer(operation(), options, signal);
    await t.rejects(driver.startContainer(operation(), first, signal), {
      name: 'TroupeError',
      code: 'START_FAILED',
      message: /"no-such-command" is not in the image/,
      retryable: false,
    });
    t.match(await driver.observe(id, signal), {
      startedAt: null,
      error: under.engine.remembersFailedStart ? /"no-such-command" is not in the image/ : null,
    });
  });

  await t.test('more memory than allowed is told as such', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const asked = spec({ memoryMib: 16, command: ['sh', '-c', 'tail /dev/zero; exit 3'] });
    await driver.createContainer(operation(), creation(asked), signal);
    await driver.startContainer(operation(), first, signal);
    t.match(await exitOf(stage), { state: 'exited', exitCode: 3, oomKilled: under.engine.tellsOom });
  });

  await t.test('files and folders of the host that the agent chose', async (t) => {
    const stage = onStage(under);
    const folder = await hostFolder(t);
    const files = { hosts: `${folder}/hosts`, resolvConf: `${folder}/resolv`, hostname: `${folder}/name` };
    await writeFile(files.hosts, '10.1.2.3 peer\n');
    await writeFile(files.resolvConf, 'nameserver 10.1.2.4\n');
    await writeFile(files.hostname, 'stage\n');
    const [data, fixed] = [`${folder}/data`, `${folder}/fixed: 1`];
    for (const each of [data, fixed]) await mkdir(each);
    await writeFile(`${fixed}/note`, 'read me\n');
    const script =
      'cat /etc/hosts /etc/resolv.conf /etc/hostname /fixed/note; echo kept >/data/kept; echo lost 2>/dev/null >/fixed/lost || echo refused';
    const written = await outputOf(
      stage,
      { command: ['sh', '-c', script] },
      {
        files,
        mounts: [
          { source: data, destination: '/data', readOnly: false },
          { source: fixed, destination: '/fixed', readOnly: true },
        ],
      },
    );
    t.equal(written, '10.1.2.3 peer\nnameserver 10.1.2.4\nstage\nread me\nrefused\n');
    t.equal(await readFile(`${data}/kept`, 'utf8'), 'kept\n');
    await writeFile(files.hosts, '10.1.2.9 peer\n');
    await stage.driver.startContainer(stage.operation(), { run: 2, limits: null }, stage.signal);
    await exitOf(stage);
    const output = await text(await stage.driver.logs(stage.id, { ...allOutput, tail: 5 }, stage.signal));
    t.match(output, '10.1.2.9 peer', 'a file rewritten in place is seen');
  });

  await t.test('a mount that is not what it says is refused', async (t) => {
    const { driver, spec, byHand, id, operation, signal } = onStage(under);
    const folder = await hostFolder(t);
    const create = (source: string, destination: string) =>
      driver.createContainer(
        operation(),
        creation(spec(), { mounts: [{ source, destination, readOnly: false }] }),
        signal,
      );
    for (const destination of ['data', '/', '/data/', '/data/../etc', '/data/./x', '//data', ''])
      await t.rejects(create(folder, destination), { code: 'INVALID_SPEC' }, destination);
    await t.rejects(create(`${folder}/absent`, '/data'), { code: 'INVALID_SPEC', message: /no such file/ });
    await t.rejects(
      driver.createContainer(
        operation(),
        creation(spec(), {
          mounts: [
            { source: folder, destination: '/data', readOnly: false },
            { source: folder, destination: '/data', readOnly: true },
          ],
        }),
        signal,
      ),
      { code: 'INVALID_SPEC', message: /destination of two mounts/ },
    );
    t.equal(await driver.observe(id, signal), null);
    // What an engine would read as more than a path is mounted as that path, or not at all.
    for (const destination of ['/data,source=/etc', '/data:ro', '/da"ta'])
      try {
        const made = await create(folder, destination);
        t.same(await byHand.mounts(made.engineId), [{ source: folder, destination }]);
        await driver.removeContainer(operation(), signal);
      } catch (error) {
        t.match(error, { code: 'INVALID_SPEC', message: /can't be mounted by/ });
      }
  });
}

/** Runs it to its end and gives all it wrote. */
async function outputOf(
  stage: Stage,
  changes: Partial<ContainerSpec>,
  options: Partial<CreateOptions> = {},
): Promise<string> {
  const { driver, spec, id, operation, signal } = stage;
  await driver.createContainer(operation(), creation(spec(changes), options), signal);
  await driver.startContainer(operation(), first, signal);
  const output = await text(await driver.logs(id, { ...allOutput, follow: true }, signal));
  await exitOf(stage);
  return output;
}
