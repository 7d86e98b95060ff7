/** Create, start, stop, remove, observe, list. */
import type { Test } from 'tap';
import { creation, type DriverUnderTest, onStage } from './runtime-driver-stage.ts';

const first = { run: 1, limits: null };

export async function runtimeDriverLife(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('creating does not start, and creating again adopts', async (t) => {
    const { driver, again, spec, id, operation, signal } = onStage(under);
    const options = creation(spec());
    const operationOfCreate = operation();
    const made = await driver.createContainer(operationOfCreate, options, signal);
    t.match(made, {
      containerId: id,
      tenant: 'p1',
      generation: 1,
      state: 'created',
      startedAt: null,
      exitCode: null,
    });
    t.same(await driver.createContainer(operation(), options, signal), made, 'a second operation');
    t.same(
      await again().createContainer(operation(), options, signal),
      made,
      'a new driver, as after a crash',
    );
    const listed = (await driver.list(signal)).filter(({ observation }) => observation.containerId === id);
    const { opId } = operationOfCreate;
    t.same(listed, [{ observation: made, opId, worldId: under.worldId, epoch: 3, sandboxId: null }]);
  });

  await t.test('what is created to run is started once, by the create that is first', async (t) => {
    const { driver, again, spec, operation, signal } = onStage(under);
    const options = creation(spec({ command: ['sleep', '600'] }), { start: true });
    const made = await driver.createContainer(operation(), options, signal);
    t.match(made, { state: 'running', startedAt: Number, exitCode: null });
    t.same(await again().createContainer(operation(), options, signal), made, 'repeated after a crash');
    await driver.stopContainer(operation(), { graceMs: 0 }, signal);
    t.match(
      await driver.createContainer(operation(), options, signal),
      { state: 'exited' },
      'it has had its run',
    );
  });

  await t.test(
    'one that was created and not started yet is started by the create that is repeated',
    async (t) => {
      const { driver, spec, operation, signal } = onStage(under);
      const made = await driver.createContainer(operation(), creation(spec()), signal);
      const again = await driver.createContainer(operation(), creation(spec(), { start: true }), signal);
      t.match(again, { engineId: made.engineId, state: 'running' });
    },
  );

  await t.test('one that is said to be the first, and is not, is found all the same', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const options = creation(spec(), { isFirst: true });
    const made = await driver.createContainer(operation(), options, signal);
    t.same(await driver.createContainer(operation(), options, signal), made);
    const next = await driver.createContainer(operation(2), options, signal);
    t.match(next, { generation: 2, state: 'created' }, 'also of another generation');
    await t.rejects(driver.createContainer(operation(), options, signal), { code: 'STALE_COMMAND' });
  });

  await t.test('one whose first start fails is left created, and its own start tells why', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const options = creation(spec({ command: ['/no/such/command'] }), { start: true });
    t.match(await driver.createContainer(operation(), options, signal), { startedAt: null });
    await t.rejects(driver.startContainer(operation(), first, signal), { code: 'START_FAILED' });
  });

  await t.test('creating one container several times at once makes one', async (t) => {
    const { driver, spec, id, operation, signal } = onStage(under);
    const options = creation(spec());
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, () => driver.createContainer(operation(), options, signal)),
    );
    const ids = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value.engineId] : []));
    t.equal(new Set(ids).size, 1);
    for (const result of made)
      if (result.status === 'rejected') t.match(result.reason, { retryable: true }, 'or says: try again');
    const listed = (await driver.list(signal)).filter(({ observation }) => observation.containerId === id);
    t.equal(listed.length, 1);
  });

  await t.test('ten containers at once are ten', async (t) => {
    const stages = Array.from({ length: 10 }, () => onStage(under));
    const made = await Promise.all(
      stages.map(({ driver, spec, operation, signal }) =>
        driver.createContainer(operation(), creation(spec()), signal),
      ),
    );
    t.equal(new Set(made.map(({ engineId }) => engineId)).size, 10);
    await Promise.all(
      stages.map(({ driver, operation, signal }) => driver.removeContainer(operation(), signal)),
    );
    for (const { driver, id, signal } of stages) t.equal(await driver.observe(id, signal), null);
  });

  await t.test('a newer generation takes the place of an older one, running or not', async (t) => {
    const { driver, spec, byHand, operation, signal } = onStage(under);
    const options = creation(spec());
    const old = await driver.createContainer(operation(1), options, signal);
    await driver.startContainer(operation(1), first, signal);
    const next = await driver.createContainer(operation(2), options, signal);
    t.match(next, { generation: 2, state: 'created' });
    t.equal(await byHand.view(old.engineId), null);
    await t.rejects(driver.createContainer(operation(1), options, signal), { code: 'STALE_COMMAND' });
    await t.rejects(driver.startContainer(operation(1), first, signal), { code: 'CONTAINER_GONE' });
    t.equal(await driver.stopContainer(operation(1), { graceMs: 0 }, signal), null);
    await driver.removeContainer(operation(1), signal);
    t.match(await byHand.view(next.engineId), { runs: false }, 'what is newer is left alone');
  });

  await t.test('a container that was renamed by hand is still the one', async (t) => {
    const { driver, spec, byHand, id, operation, signal } = onStage(under);
    const options = creation(spec());
    const made = await driver.createContainer(operation(), options, signal);
    await byHand.rename(made.engineId);
    t.equal((await driver.createContainer(operation(), options, signal)).engineId, made.engineId);
    t.equal((await driver.startContainer(operation(), first, signal)).engineId, made.engineId);
    t.equal((await driver.observe(id, signal))?.engineId, made.engineId);
    await driver.removeContainer(operation(), signal);
    t.equal(await driver.observe(id, signal), null);
    t.equal(await byHand.view(made.engineId), null);
  });

  await t.test('starting what runs succeeds; a run after an exit is another run', async (t) => {
    const { driver, spec, id, operation, signal } = onStage(under);
    const command = ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.05; done'];
    await driver.createContainer(operation(), creation(spec({ command })), signal);
    const started = await driver.startContainer(operation(), first, signal);
    t.match(started, { state: 'running', finishedAt: null, exitCode: null });
    t.same(await driver.startContainer(operation(), first, signal), started);
    t.same(await driver.observe(id, signal), started);

    const stopped = await driver.stopContainer(operation(), { graceMs: 10_000 }, signal);
    t.match(stopped, { state: 'exited', exitCode: 7, startedAt: started.startedAt, oomKilled: false });
    t.same(
      await driver.stopContainer(operation(), { graceMs: 10_000 }, signal),
      stopped,
      'stopping what is stopped',
    );

    const again = await driver.startContainer(operation(), { run: 2, limits: null }, signal);
    t.equal(again.state, 'running');
    t.ok((again.startedAt ?? 0) > (started.startedAt ?? 0));
  });

  await t.test('what ignores the stop signal is killed after the grace, not before', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    const command = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'];
    await driver.createContainer(operation(), creation(spec({ command })), signal);
    await driver.startContainer(operation(), first, signal);
    const asked = performance.now();
    const stopped = await driver.stopContainer(operation(), { graceMs: 1_000 }, signal);
    const tookMs = performance.now() - asked;
    t.match(stopped, { state: 'exited', exitCode: 137 });
    t.ok(tookMs >= 990 && tookMs < 8_000, `took ${tookMs} ms`);
  });

  await t.test('stopping what never ran, and what is not there', async (t) => {
    const { driver, spec, operation, signal } = onStage(under);
    t.equal(await driver.stopContainer(operation(), { graceMs: 0 }, signal), null);
    await driver.createContainer(operation(), creation(spec()), signal);
    t.match(await driver.stopContainer(operation(), { graceMs: 0 }, signal), { state: 'created' });
  });

  await t.test('removing takes what runs, and succeeds when it is gone', async (t) => {
    const { driver, spec, byHand, id, operation, signal } = onStage(under);
    await driver.removeContainer(operation(), signal);
    const made = await driver.createContainer(operation(), creation(spec()), signal);
    await driver.startContainer(operation(), first, signal);
    await Promise.all([
      driver.removeContainer(operation(), signal),
      driver.removeContainer(operation(), signal),
    ]);
    t.equal(await byHand.view(made.engineId), null);
    t.equal(await driver.observe(id, signal), null);
    await driver.removeContainer(operation(), signal);
  });

  await t.test('removing a newer generation takes older ones with it', async (t) => {
    const { driver, spec, byHand, operation, signal } = onStage(under);
    const made = await driver.createContainer(operation(1), creation(spec()), signal);
    await driver.removeContainer(operation(2), signal);
    t.equal(await byHand.view(made.engineId), null);
  });

  await t.test("another world's container is neither adopted nor touched", async (t) => {
    const { driver, spec, byHand, operation, signal } = onStage(under);
    const options = creation(spec());
    const made = await driver.createContainer(operation(), options, signal);
    const foreign = { ...operation(2), worldId: `${under.worldId}-other` };
    await t.rejects(driver.createContainer(foreign, options, signal), { code: 'NAME_IN_USE' });
    await t.rejects(driver.startContainer(foreign, first, signal), { code: 'CONTAINER_GONE' });
    await driver.removeContainer(foreign, signal);
    t.match(await byHand.view(made.engineId), { runs: false });
  });

  await t.test('a container removed by hand is gone, and starting it says so', async (t) => {
    const { driver, spec, byHand, id, operation, signal } = onStage(under);
    const made = await driver.createContainer(operation(), creation(spec()), signal);
    await byHand.remove(made.engineId);
    t.equal(await driver.observe(id, signal), null);
    await t.rejects(driver.startContainer(operation(), first, signal), {
      name: 'TroupeError',
      code: 'CONTAINER_GONE',
      retryable: false,
    });
  });

  await t.test('an aborted wait is given up, the container is not', async (t) => {
    const { driver, spec, id, operation, signal } = onStage(under);
    const command = ['sh', '-c', 'trap "sleep 1; exit 5" TERM; while :; do sleep 0.05; done'];
    await driver.createContainer(operation(), creation(spec({ command })), signal);
    await driver.startContainer(operation(), first, signal);
    await t.rejects(driver.stopContainer(operation(), { graceMs: 30_000 }, AbortSignal.timeout(100)), {
      name: 'TroupeError',
      code: 'TIMED_OUT',
    });
    const stopped = await driver.stopContainer(operation(), { graceMs: 30_000 }, signal);
    t.match(stopped, { state: 'exited', exitCode: 5 });
    t.match(await driver.observe(id, signal), { exitCode: 5 });
    await t.rejects(driver.observe(id, AbortSignal.abort()), { code: 'TIMED_OUT' });
  });
}
