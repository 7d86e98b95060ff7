/** The event stream. */
import type { Test } from 'tap';
import { creation, type DriverUnderTest, listen, onStage, started } from './runtime-driver-stage.ts';

const first = { run: 1, limits: null };

export async function runtimeDriverEvents(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('begins with a gap, then tells a life in order', async (t) => {
    const stage = onStage(under);
    const { driver, spec, byHand, operation, signal } = stage;
    const told = listen(stage);
    t.same(await told.next(), { kind: 'gap' });
    const made = await driver.createContainer(operation(), creation(spec()), signal);
    await driver.startContainer(operation(), first, signal);
    await byHand.kill(made.engineId, 'SIGKILL');
    const actions = [];
    do actions.push(await told.nextOfMine());
    while (actions.at(-1)?.action !== 'die');
    await driver.removeContainer(operation(), signal);
    do actions.push(await told.nextOfMine());
    while (actions.at(-1)?.action !== 'destroy');
    t.same(
      actions.map(({ action }) => action),
      ['create', 'start', 'kill', 'die', 'destroy'],
    );
    for (const event of actions)
      t.match(event, {
        engineId: made.engineId,
        signal: event.action === 'kill' && under.engine.tellsSignals ? 9 : null,
      });
    await told.end();
  });

  await t.test('tells the signals of a stop', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const command = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'];
    await driver.createContainer(operation(), creation(spec({ command })), signal);
    await driver.startContainer(operation(), first, signal);
    const told = listen(stage);
    t.same(await told.next(), { kind: 'gap' });
    await driver.stopContainer(operation(), { graceMs: 1_000 }, signal);
    const signals = [];
    for (;;) {
      const event = await told.nextOfMine();
      if (event.action === 'kill') signals.push(event.signal);
      if (event.action === 'die') break;
    }
    t.same(signals, under.engine.tellsSignals ? [15, 9] : []);
    await told.end();
  });

  await t.test('explains an exit as an observation does, or not at all', async (t) => {
    const ends = [
      { script: 'exit 3', isKilled: false, causes: [] },
      { script: 'exec sleep 300', isKilled: true, causes: ['kill'] },
      { script: 'tail /dev/zero; exit 4', isKilled: false, causes: ['oom'] },
    ];
    for (const { script, isKilled, causes } of ends) {
      const stage = onStage(under);
      const told = listen(stage);
      t.same(await told.next(), { kind: 'gap' });
      const { engineId } = await started(stage, script, { memoryMib: 16 });
      if (isKilled) await stage.byHand.kill(engineId, 'SIGKILL');
      const events = [];
      do events.push(await told.nextOfMine());
      while (events.at(-1)?.action !== 'die');
      const exit = events.at(-1)?.exit;
      const seen = await stage.driver.observe(stage.id, stage.signal);
      await told.end();
      t.match(seen, { state: 'exited', health: 'none', addresses: [] }, script);
      if (!under.engine.explainsExits) {
        t.equal(exit, null, script);
        continue;
      }
      t.equal(exit?.exitCode, seen?.exitCode, script);
      t.ok(exit!.at >= seen!.startedAt! && exit!.at >= seen!.finishedAt!, 'no earlier than the run');
      t.same(events.map(({ action }) => action), ['create', 'start', ...causes, 'die'], script); // prettier-ignore
    }
  });

  await t.test('tells health as it changes, or says that checks are for others to run', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    const asked = spec({
      command: ['sh', '-c', 'touch /tmp/well; exec sleep 300'],
      healthcheck: {
        probe: { type: 'exec', test: 'test -e /tmp/well' },
        intervalSeconds: 1,
        timeoutSeconds: 5,
        retries: 1,
        startPeriodSeconds: 0,
        successThreshold: 1,
      },
    });
    const told = listen(stage);
    t.same(await told.next(), { kind: 'gap' });
    await driver.createContainer(operation(), creation(asked), signal);
    const { health } = await driver.startContainer(operation(), first, signal);
    if (!driver.runsHealthChecks) {
      t.equal(health, 'none');
      return told.end();
    }
    t.equal(health, 'starting');
    while ((await told.nextOfMine()).action !== 'health');
    t.match(await driver.observe(id, signal), { health: 'healthy' });
    await told.end();
  });

  await t.test('many readers at once, and one that stops reading', async (t) => {
    const stage = onStage(under);
    const { driver, spec, operation, signal } = stage;
    const readers = [listen(stage), listen(stage)];
    for (const reader of readers) t.same(await reader.next(), { kind: 'gap' });
    await readers[0]?.end();
    await driver.createContainer(operation(), creation(spec()), signal);
    t.match(await readers[1]?.nextOfMine(), { action: 'create' });
    await readers[1]?.end();
  });

  await t.test('ends when its signal aborts, also before it began', async (t) => {
    const { driver } = onStage(under);
    const ended = new AbortController();
    const events = driver.events(ended.signal)[Symbol.asyncIterator]();
    t.same(await events.next(), { done: false, value: { kind: 'gap' } });
    // Events of other tests may still be on their way.
    const drained = (async () => {
      while (!(await events.next()).done);
    })();
    ended.abort();
    await drained;
    t.match(await driver.events(AbortSignal.abort())[Symbol.asyncIterator]().next(), { done: true });
  });
}
