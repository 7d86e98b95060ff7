import t from 'tap';
import type { OperationArguments } from '../../src/link/protocol.ts';
import type { EngineEvent } from '../../src/drivers/runtime/runtime-driver.ts';
import { args, createLinkScene, spec, toldNames } from '../support/link-scene.ts';

type ContainerEvent = Extract<EngineEvent, { kind: 'container' }>;

const eventOf = (containerId: string, action: ContainerEvent['action']): ContainerEvent => ({
  kind: 'container',
  worldId: null,
  containerId,
  engineId: `engine-${containerId}`,
  action,
  signal: null,
  exit: null,
});

t.test('an exit is told in full, once', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.exit('c1', 3);
  scene.driver.tell({
    kind: 'container',
    worldId: null,
    containerId: 'c1',
    engineId: 'e',
    action: 'die',
    signal: null,
    exit: null,
  });
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  t.match(scene.events.facts, [
    {
      type: 'runtime.exited',
      opId: null,
      stoppedOutside: false,
      observation: { state: 'exited', exitCode: 3 },
    },
  ]);
  t.equal(scene.events.facts.length, 1);
});

t.test('a stop by hand is told as such, and ends restarts by the agent', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', { name: 'always', maximumRetryCount: 0 });
  scene.driver.stopByHand('c1');
  await scene.environment.settle();
  t.match(scene.events.facts, [{ type: 'runtime.exited', stoppedOutside: true }]);
  scene.wire.links = null;
  scene.wire.cut();
  await scene.environment.advance(60_000);
  t.equal(scene.driver.containers.get('c1')?.observation.state, 'exited');
});

t.test('a stop by hand that ends in SIGKILL after its grace is still a stop', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.signalByHand('c1', 15);
  await scene.environment.advance(90_000);
  scene.driver.signalByHand('c1', 9);
  scene.driver.exit('c1', 137);
  await scene.environment.settle();
  t.match(scene.events.facts, [{ stoppedOutside: true }]);
});

t.test('SIGKILL alone, and a signal that was survived, are no stop', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.run('c2');
  scene.driver.signalByHand('c1', 9);
  scene.driver.exit('c1', 137);
  scene.driver.signalByHand('c2', 1);
  await scene.environment.advance(61_000);
  scene.driver.exit('c2', 1);
  await scene.environment.settle();
  t.match(scene.events.facts, [{ stoppedOutside: false }, { stoppedOutside: false }]);
});

t.test('our own stop is no stop outside, however late its signal is heard of', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.quietly(() => {});
  scene.operate({ args: args.stopContainer });
  await scene.environment.settle();
  scene.driver.signalByHand('c1', 15);
  scene.operate({ args: args.startContainer });
  await scene.environment.settle();
  scene.driver.exit('c1', 1);
  await scene.environment.settle();
  t.match(scene.events.facts.at(-1), { type: 'runtime.exited', stoppedOutside: false });
});

t.test('the end of our own stop names the operation, or is told by its result alone', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  const { opId } = scene.operate({ args: args.stopContainer });
  await scene.environment.settle();
  for (const fact of scene.events.facts)
    t.match(fact, { type: 'runtime.exited', opId, stoppedOutside: false });
  t.ok(toldNames(scene.events).includes(`result ${opId}`));
});

t.test('the result of a start is told before the exit of its run, however quick that is', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  const { startContainer } = scene.driver;
  scene.driver.startContainer = async (identity, options, signal) => {
    const started = await startContainer(identity, options, signal);
    scene.driver.exit('c1', 0);
    // The engine answers when its events are long out.
    for (let turns = 0; turns < 50; turns += 1) await Promise.resolve();
    return started;
  };
  scene.operate({ args: args.startContainer });
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(1), ['result op-2', 'runtime.exited c1']);
});

t.test('what comes into being by a call of an agent that has died is looked at anew', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const { createContainer } = scene.driver;
  scene.driver.createContainer = () => new Promise(() => {});
  const create = scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  await scene.endAgent();
  scene.links.forget('host-1', create.opId);
  await scene.restartAgent();
  const inventories = scene.events.inventories.length;
  await createContainer(
    { opId: create.opId, worldId: 'world-1', containerId: 'c1', tenant: 'p1', generation: 1, epoch: 1 },
    { spec, sandbox: null, files: null, mounts: [], run: 0, start: false, isFirst: false },
    new AbortController().signal,
  );
  await scene.environment.advance(1_000);
  t.equal(scene.events.inventories.length, inventories + 1, 'nobody waits for it, so it is told');
  t.match(scene.events.inventories.at(-1)?.items, [{ observation: { containerId: 'c1' } }]);
});

t.test('what happened in a hole of the event stream is found by listing', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  for (const containerId of ['c1', 'c2', 'c3']) await scene.run(containerId);
  scene.driver.quietly(() => {
    scene.driver.exit('c1', 1);
    scene.driver.removeByHand('c2');
  });
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(6), ['runtime.exited c1', 'runtime.gone c2']);
});

t.test('an older listing does not undo what an event has shown meanwhile', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.run('c2');
  const listed = scene.driver.list;
  let answer: () => void = () => {};
  scene.driver.list = async (signal) => {
    const found = await listed(signal);
    await new Promise<void>((resolve) => (answer = resolve));
    return found;
  };
  // A look that fails has everything listed again, beside the events.
  const { observe } = scene.driver;
  scene.driver.observe = () => Promise.reject(new Error('broken pipe'));
  scene.driver.tell({
    kind: 'container',
    worldId: null,
    containerId: 'c1',
    engineId: 'e',
    action: 'health',
    signal: null,
    exit: null,
  });
  await scene.environment.advance(1_000);
  scene.driver.observe = observe;
  scene.driver.exit('c1', 1);
  scene.driver.removeByHand('c2');
  await scene.environment.settle();
  answer();
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(4).sort(), ['runtime.exited c1', 'runtime.gone c2']);
});

t.test('a container the engine can not inspect delays nobody’s facts', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.run('c2');
  const release = scene.driver.hold('observe', 'c1');
  // SIGKILL that nobody's event explains.
  scene.driver.exit('c1', 137);
  scene.driver.exit('c2', 2);
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(4), ['runtime.exited c2']);
  release();
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(5), ['runtime.exited c1']);
});

t.test('an exit that its event tells in full is told while the engine still tears down', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  for (const containerId of ['c1', 'c2', 'c3']) await scene.run(containerId);
  const { startedAt } = scene.driver.containers.get('c1')!.observation;
  scene.driver.hold('observe');
  scene.driver.exit('c1', 3);
  scene.driver.stopByHand('c2');
  scene.driver.signalByHand('c3', 9);
  scene.driver.exit('c3', 137);
  await scene.environment.settle();
  const { finishedAt } = scene.driver.containers.get('c1')!.observation;
  t.match(scene.events.facts, [
    {
      type: 'runtime.exited',
      stoppedOutside: false,
      observation: {
        containerId: 'c1',
        state: 'exited',
        exitCode: 3,
        startedAt,
        finishedAt,
        oomKilled: false,
      },
    },
    { stoppedOutside: true, observation: { containerId: 'c2', exitCode: 143 } },
    { stoppedOutside: false, observation: { containerId: 'c3', exitCode: 137 } },
  ]);
});

t.test('what its event does not tell of an exit is asked of the engine', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const ends = {
    'killed by nobody': (id: string) => scene.driver.exit(id, 137),
    'memory ran out in it': (id: string) => {
      scene.driver.tell(eventOf(id, 'oom'));
      scene.driver.exit(id, 3);
    },
    'killed by hand after memory ran out': (id: string) => {
      scene.driver.tell(eventOf(id, 'oom'));
      scene.driver.signalByHand(id, 9);
      scene.driver.exit(id, 137);
    },
    'the engine that does not say': (id: string) => {
      scene.driver.quietly(() => scene.driver.exit(id, 3));
      scene.driver.tell(eventOf(id, 'die'));
    },
  };
  for (const [index, [name, end]] of Object.entries(ends).entries()) {
    const containerId = `c${index}`;
    await scene.run(containerId);
    const release = scene.driver.hold('observe', containerId);
    const told = scene.events.facts.length;
    end(containerId);
    scene.driver.containers.get(containerId)!.observation = {
      ...scene.driver.containers.get(containerId)!.observation,
      oomKilled: true,
    };
    await scene.environment.settle();
    t.equal(scene.events.facts.length, told, name);
    release();
    await scene.environment.settle();
    t.match(scene.events.facts.slice(told), [{ observation: { state: 'exited', oomKilled: true } }], name);
    t.equal(scene.events.facts.length, told + 1, name);
  }
});

t.test('the event of an earlier run ends no later one', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  // The engine's events lag: by the time the first exit is heard of, the next run is known.
  const first = scene.driver.containers.get('c1')!.observation;
  const at = scene.environment.now() + 5;
  await scene.environment.advance(10);
  scene.driver.quietly(() => scene.driver.exit('c1', 3));
  scene.operate({ args: args.stopContainer });
  await scene.environment.settle();
  scene.operate({ args: { kind: 'startContainer', run: 2, limits: null } });
  await scene.environment.settle();
  const told = scene.events.facts.length;
  scene.driver.tell({ ...eventOf('c1', 'die'), exit: { exitCode: 3, at } });
  await scene.environment.settle();
  t.equal(scene.events.facts.length, told);
  t.ok((scene.driver.containers.get('c1')!.observation.startedAt ?? 0) > (first.startedAt ?? 0));
  scene.driver.exit('c1', 4);
  await scene.environment.settle();
  t.match(scene.events.facts.slice(told), [{ type: 'runtime.exited', observation: { exitCode: 4 } }]);
});

t.test('a SIGKILL of an earlier run explains no later end', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.signalByHand('c1', 9);
  await scene.environment.settle();
  scene.driver.quietly(() => {
    scene.driver.exit('c1', 137);
    scene.driver.startByHand('c1');
  });
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  const told = scene.events.facts.length;
  scene.driver.hold('observe', 'c1');
  scene.driver.exit('c1', 137);
  await scene.environment.settle();
  t.equal(scene.events.facts.length, told);
});

t.test('a container that was removed by hand is told gone, ours are not', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.run('c2');
  scene.driver.removeByHand('c1');
  scene.operate({ containerId: 'c2', args: args.removeContainer });
  await scene.environment.settle();
  t.same(scene.events.facts, [
    { type: 'runtime.gone', containerId: 'c1', tenant: 'p1', generation: 1, opId: null },
  ]);
});

t.test('a new agent tells what is here by its inventory, not once more by facts', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  for (let count = 1; count <= 20; count += 1) await scene.run(`c${count}`);
  await scene.endAgent();
  await scene.restartAgent();
  t.equal(scene.events.inventories.at(-1)?.items.length, 20);
  t.same(scene.events.facts, []);
  scene.driver.exit('c7', 1);
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(40), ['runtime.exited c7']);
});

t.test('a container of ours that nothing asks for leads to a new inventory', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const { observation, identity } = await scene.run('c1').then(() => scene.driver.containers.get('c1')!);
  scene.driver.containers.set('c9', {
    identity: { ...identity, containerId: 'c9' },
    observation: { ...observation, containerId: 'c9' },
  });
  scene.driver.tell({
    kind: 'container',
    worldId: null,
    containerId: 'c9',
    engineId: 'e',
    action: 'create',
    signal: null,
    exit: null,
  });
  await scene.environment.advance(1_000);
  t.same(scene.events.inventories.at(-1)?.items.map((item) => item.observation.containerId), ['c1', 'c9']); // prettier-ignore
});

t.test('what happens to a container of another world on the same engine is nothing to us', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  const inventories = scene.events.inventories.length;
  scene.driver.observe = () => Promise.reject(new Error('It is looked at'));
  scene.driver.list = () => Promise.reject(new Error('All are listed'));
  for (const action of ['create', 'start', 'die', 'destroy'] as const) {
    scene.driver.tell({ ...eventOf('c9', action), worldId: 'another' });
    // Even by an id of ours: worlds are copied.
    scene.driver.tell({ ...eventOf('c1', action), worldId: 'another' });
  }
  scene.driver.tell({ kind: 'sandbox', worldId: 'another', sandboxId: 's9', engineId: 'e', action: 'start' });
  await scene.environment.advance(10_000);
  t.equal(scene.events.inventories.length, inventories);
  t.same(scene.events.facts, []);
  t.same(
    scene.environment.logged.filter(({ level }) => level === 'warn'),
    [],
  );
});

type CreateArguments = Extract<OperationArguments, { kind: 'createContainer' }>;

const createAndStart = { ...(args.createContainer as CreateArguments), run: 1, start: true };

t.test('an answer of long ago that is given again is followed by what has happened since', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const params = scene.operate({ args: createAndStart });
  await scene.environment.settle();
  const again = async () => {
    scene.events.facts.length = 0;
    scene.links.operate('host-1', params);
    await scene.environment.settle();
    return scene.events.facts;
  };
  t.same(await again(), [], 'nothing has');
  scene.driver.exit('c1', 3);
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  t.match(await again(), [{ type: 'runtime.exited', observation: { exitCode: 3 } }]);
  t.same(scene.events.results.at(-1)?.outcome, scene.events.results[0]?.outcome);
  scene.driver.removeByHand('c1');
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  t.match(await again(), [{ type: 'runtime.gone', containerId: 'c1' }]);
});
