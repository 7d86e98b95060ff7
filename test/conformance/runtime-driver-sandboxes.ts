/** Network namespaces apart from the containers that join them. */
import { execFile } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type { CreateOptions, Sandbox } from '../../src/drivers/runtime/runtime-driver.ts';
import { text } from 'node:stream/consumers';
import {
  allOutput,
  creation,
  type DriverUnderTest,
  exitOf,
  listen,
  onStage,
  said,
  type Stage,
} from './runtime-driver-stage.ts';

const first = { run: 1, limits: null };
const execute = promisify(execFile);

export async function runtimeDriverSandboxes(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('a sandbox is a namespace with loopback and nothing else, made once', async (t) => {
    const stage = onStage(under);
    const { again, operation, signal } = stage;
    const sandbox = await ensure(stage);
    t.equal(sandbox.sandboxId, stage.id);
    t.match(await inNamespace(sandbox, 'ip', '-o', 'link'), /^1: lo: <LOOPBACK,UP,LOWER_UP>[^\n]*\n$/);
    t.not(await namespaceOf(sandbox), await readlink('/proc/self/ns/net'));
    t.same(await ensure(stage), sandbox, 'a second operation');
    const options = { sandboxId: stage.id, hostname: null };
    t.same(await again().ensureSandbox(operation(), options, signal), sandbox, 'a driver after a crash');
  });

  await t.test('making one sandbox several times at once makes one', async (t) => {
    const stage = onStage(under);
    const made = await Promise.allSettled(Array.from({ length: 4 }, () => ensure(stage)));
    for (const result of made)
      if (result.status === 'rejected') t.match(result.reason, { retryable: true }, 'or says: try again');
    const paths = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value.netnsPath] : []));
    t.equal(new Set(paths).size, 1);
    t.equal((await listed(stage)).length, 1);
  });

  await t.test('it is listed as what it is, and so is who joined it', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    const identity = operation(3);
    const options = { sandboxId: id, hostname: null };
    const sandbox = await driver.ensureSandbox(identity, options, signal);
    t.same(await listed(stage), [
      {
        ...sandbox,
        tenant: 'p1',
        generation: 3,
        opId: identity.opId,
        worldId: under.worldId,
        epoch: 3,
      },
    ]);
    const containers = async () =>
      (await driver.list(signal)).filter(({ observation }) => observation.containerId === id);
    t.same(await containers(), []);
    await driver.createContainer(operation(3), creation(spec(), { sandbox }), signal);
    t.match(await containers(), [{ sandboxId: id }]);
    t.equal((await listed(stage)).length, 1);
  });

  await t.test('what is plugged in is there for each run of who joined it', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const sandbox = await ensure(stage);
    await inNamespace(sandbox, 'ip', 'address', 'add', '10.9.8.7/32', 'dev', 'lo');
    const asked = spec({ command: ['sh', '-c', 'ip -o address show dev lo; exec sleep 300'] });
    await driver.createContainer(operation(), creation(asked, { sandbox }), signal);
    t.match(await driver.startContainer(operation(), first, signal), { state: 'running', addresses: [] });
    await said(stage, /10\.9\.8\.7/);
    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    t.match(await driver.startContainer(operation(), { run: 2, limits: null }, signal), { state: 'running' });
    await said(stage, /10\.9\.8\.7[^]*10\.9\.8\.7/);
    await driver.removeContainer(operation(), signal);
    t.same(await ensure(stage), sandbox, 'it outlives the container');
    t.match(await inNamespace(sandbox, 'ip', 'address'), '10.9.8.7');
  });

  await t.test('who joins has its hostname, and shows it', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    const sandbox = await driver.ensureSandbox(operation(), { sandboxId: id, hostname: 'warm' }, signal);
    const asked = spec({ command: ['hostname'] });
    t.match(await driver.createContainer(operation(), creation(asked, { sandbox }), signal), {
      hostname: 'warm',
    });
    await driver.startContainer(operation(), first, signal);
    await exitOf(stage);
    t.equal(await text(await driver.logs(id, allOutput, signal)), 'warm\n');
    t.match(await driver.observe(id, signal), { hostname: 'warm' });
  });

  await t.test('a sandbox that dies is told; ensured, it is whole and empty again', async (t) => {
    const stage = onStage(under);
    const { driver, spec, byHand, id, operation, signal } = stage;
    const sandbox = await ensure(stage);
    await inNamespace(sandbox, 'ip', 'address', 'add', '10.9.8.7/32', 'dev', 'lo');
    const options = creation(spec(), { sandbox });
    const made = await driver.createContainer(operation(), options, signal);
    await driver.startContainer(operation(), first, signal);
    const events = listen(stage);
    t.same(await events.next(), { kind: 'gap' });
    await byHand.killSandbox(sandbox);
    let event = await events.nextOfSandbox(id);
    while (event.action === 'start') event = await events.nextOfSandbox(id);
    t.match(event, { action: 'die', engineId: sandbox.engineId });
    await events.end();
    t.match(await listed(stage), [{ netnsPath: null }]);
    t.match(await driver.observe(id, signal), { state: 'running' }, 'who joined it lives on');

    const gone = { name: 'TroupeError', code: 'SANDBOX_GONE', retryable: false };
    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    await t.rejects(driver.startContainer(operation(), first, signal), gone);
    const other = { ...operation(), containerId: `${id}-other` };
    await t.rejects(driver.createContainer(other, options, signal), gone);

    const restored = await ensure(stage);
    t.equal(restored.engineId, sandbox.engineId);
    t.notMatch(await inNamespace(restored, 'ip', 'address'), '10.9.8.7');
    t.equal((await adopt(stage, { sandbox: restored })).engineId, made.engineId);
    t.match(await driver.startContainer(operation(), { run: 2, limits: null }, signal), { state: 'running' });
  });

  await t.test('a sandbox removed by hand comes back, and its container with it', async (t) => {
    const stage = onStage(under);
    const { driver, byHand, id, operation, signal } = stage;
    const sandbox = await ensure(stage);
    await adopt(stage, { sandbox });
    const events = listen(stage);
    t.same(await events.next(), { kind: 'gap' });
    await byHand.removeSandbox(sandbox);
    while ((await events.nextOfSandbox(id)).action !== 'destroy');
    await events.end();
    t.same(await listed(stage), []);
    await t.rejects(driver.startContainer(operation(), first, signal), { code: 'SANDBOX_GONE' });
    const next = await ensure(stage);
    await adopt(stage, { sandbox: next });
    t.match(await driver.startContainer(operation(), first, signal), { state: 'running' });
  });

  await t.test('a container asked into another sandbox does not stay in its old one', async (t) => {
    const stage = onStage(under);
    const { driver, byHand, id, operation, signal } = stage;
    const sandbox = await ensure(stage);
    const alone = await adopt(stage, {});
    const joined = await adopt(stage, { sandbox });
    t.not(joined.engineId, alone.engineId);
    t.equal(await byHand.view(alone.engineId), null);
    const other = await driver.ensureSandbox(operation(), { sandboxId: `${id}-b`, hostname: null }, signal);
    const moved = await adopt(stage, { sandbox: other });
    t.not(moved.engineId, joined.engineId);
    t.equal((await adopt(stage, { sandbox: other })).engineId, moved.engineId);
  });

  await t.test('it is never handed to another generation', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    const sandbox = await ensure(stage);
    const before = await namespaceOf(sandbox);
    await inNamespace(sandbox, 'ip', 'address', 'add', '10.9.8.7/32', 'dev', 'lo');
    const options = { sandboxId: id, hostname: null };
    const next = await driver.ensureSandbox(operation(2), options, signal);
    t.notMatch(await inNamespace(next, 'ip', 'address'), '10.9.8.7');
    t.match(await listed(stage), [{ generation: 2 }]);
    await t.rejects(driver.ensureSandbox(operation(1), options, signal), { code: 'STALE_COMMAND' });
    await driver.removeSandbox(operation(1), id, signal);
    t.match(await listed(stage), [{ generation: 2, netnsPath: next.netnsPath }], 'a newer one stays');
    await driver.removeSandbox(operation(2), id, signal);
    await driver.removeSandbox(operation(2), id, signal);
    t.same(await listed(stage), []);
    t.type(before, 'string');
  });

  await t.test("another world's and another project's are not ours to use", async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    const sandbox = await ensure(stage);
    const foreign = { ...operation(9), worldId: `${under.worldId}-other` };
    const options = { sandboxId: id, hostname: null };
    await t.rejects(driver.ensureSandbox(foreign, options, signal), { code: 'NAME_IN_USE' });
    await driver.removeSandbox(foreign, id, signal);
    t.equal((await listed(stage)).length, 1);
    await t.rejects(driver.createContainer(foreign, creation(spec(), { sandbox }), signal), {
      code: 'SANDBOX_GONE',
    });
    const neighbour = { ...operation(), tenant: 'p2' };
    await t.rejects(driver.createContainer(neighbour, creation(spec(), { sandbox }), signal), {
      code: 'FORBIDDEN',
    });
  });

  await t.test('an id that could be a path is none', async (t) => {
    const { driver, operation, signal } = onStage(under);
    for (const sandboxId of ['../x', 'a/b', '', '-x', 'a b', '.']) {
      const refused = driver.ensureSandbox(operation(), { sandboxId, hostname: null }, signal);
      await t.rejects(refused, { code: 'INVALID_SPEC' }, sandboxId);
    }
  });
}

const ensure = ({ driver, id, operation, signal }: Stage): Promise<Sandbox> =>
  driver.ensureSandbox(operation(), { sandboxId: id, hostname: null }, signal);

const adopt = ({ driver, spec, operation, signal }: Stage, changes: Partial<CreateOptions>) =>
  driver.createContainer(operation(), creation(spec(), changes), signal);

const listed = async ({ driver, id, signal }: Stage) =>
  (await driver.listSandboxes(signal)).filter(({ sandboxId }) => sandboxId === id);

async function inNamespace({ netnsPath }: Sandbox, ...command: string[]): Promise<string> {
  return (await execute('nsenter', [`--net=${netnsPath}`, '--', ...command])).stdout;
}

/** Which namespace it is. */
async function namespaceOf(sandbox: Sandbox): Promise<string> {
  return (await inNamespace(sandbox, 'readlink', '/proc/self/ns/net')).trim();
}
