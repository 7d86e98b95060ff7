import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { args, createLinkScene, toldNames } from '../support/link-scene.ts';

t.test(
  'a control plane of another world is obeyed in nothing; containers run on, and the reason is said',
  async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    await scene.run('c1');
    await scene.endAgent();
    scene.events.worldId = 'world-2';
    scene.events.remove = [{ subject: 'container', containerId: 'c1', tenant: 'p1', generation: 9 }];
    scene.operate({ args: args.removeContainer });
    await scene.restartAgent();
    await scene.environment.advance(60_000);
    t.match(await scene.agent.refused, /another world \("world-2"\); containers run on/);
    t.equal(scene.driver.containers.get('c1')?.observation.state, 'running');
    t.equal(scene.events.inventories.length, 1, 'and is told nothing of what is here');
    t.equal(scene.disk.identity?.worldId, 'world-1');
  },
);

t.test('a command of an older epoch is refused, after a restart of the agent too', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.events.epoch = 7;
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  for (const opId of ['late', 'later']) {
    scene.operate({ opId, args: args.removeContainer, epoch: 6 });
    await scene.environment.advance(1_000);
    t.match(scene.events.refusals.at(-1), {
      opId,
      failure: { code: 'STALE_COMMAND', message: /epoch 6; this host obeys epoch 7/ },
    });
    scene.links.forget('host-1', opId);
    await scene.endAgent();
    await scene.restartAgent();
  }
  t.equal(scene.driver.containers.size, 1);
});

t.test('hello tells the highest epoch obeyed, so that a rebuilt owner takes a higher one', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.endAgent();
  scene.disk.epoch = 41;
  scene.events.epoch = 1;
  await scene.restartAgent();
  t.equal(scene.events.epoch, 42);
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  t.equal(scene.events.results.length, 1, 'and is obeyed');
});

t.test('what must not be is removed before the host obeys anything', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.endAgent();
  scene.events.remove = [{ subject: 'container', containerId: 'c1', tenant: 'p1', generation: 1 }];
  scene.operate({ subject: 'container', containerId: 'c2', args: args.createContainer });
  const before = scene.driver.calls.length;
  await scene.restartAgent();
  const calls = scene.driver.calls.slice(before);
  t.ok(calls.indexOf('removeContainer c1') < calls.indexOf('createContainer c2'), calls.join(', '));
  t.notOk(scene.driver.containers.has('c1'));
  t.notOk(toldNames(scene.events).includes('runtime.gone c1'), 'its end is no news to who asked for it');
});

t.test('a removal that fails does not keep the host away, and is tried until it works', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.failNext('removeContainer', new TroupeError('ENGINE_ERROR', 'device or resource busy'));
  scene.driver.failNext('removeContainer', new TroupeError('ENGINE_ERROR', 'device or resource busy'));
  scene.events.remove = [{ subject: 'container', containerId: 'c1', tenant: 'p1', generation: 1 }];
  scene.wire.cut();
  await scene.environment.advance(200);
  t.equal(scene.agent.status().state, 'online');
  t.ok(scene.driver.containers.has('c1'));
  await scene.environment.advance(5_000);
  t.notOk(scene.driver.containers.has('c1'));
});

t.test('what must not be is not restarted alone, and a verdict that is told again holds', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', { name: 'always', maximumRetryCount: 0 });
  scene.driver.exit('c1', 1);
  scene.events.remove = [{ subject: 'container', containerId: 'c1', tenant: 'p1', generation: 1 }];
  for (let failures = 0; failures < 4; failures += 1)
    scene.driver.failNext('removeContainer', new TroupeError('ENGINE_UNAVAILABLE', 'The engine is away'));
  scene.wire.cut();
  await scene.environment.advance(1_000);
  const starts = scene.driver.calls.filter((call) => call === 'startContainer c1').length;
  scene.wire.links = null;
  scene.wire.cut();
  await scene.environment.advance(6_000);
  scene.wire.links = scene.links;
  await scene.environment.advance(30_000);
  t.equal(scene.driver.calls.filter((call) => call === 'startContainer c1').length, starts);
  t.notOk(scene.driver.containers.has('c1'));
});

t.test('an engine that hangs on one removal does not keep the host away', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.hold('removeContainer', 'c1');
  scene.events.remove = [{ subject: 'container', containerId: 'c1', tenant: 'p1', generation: 1 }];
  scene.wire.cut();
  await scene.environment.advance(31_000);
  t.equal(scene.agent.status().state, 'online');
});

t.test('ending the agent ends no container', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.endAgent();
  t.equal(scene.driver.containers.get('c1')?.observation.state, 'running');
  t.equal(scene.environment.scheduled, 0, 'and leaves no timer behind');
  t.equal(scene.links.online().size, 0);
});

t.test('an engine that is down is said to be so, and all is told when it answers again', async (t) => {
  const scene = await createLinkScene(t);
  scene.driver.up = false;
  await scene.begin();
  t.match(scene.events.fingerprints.at(-1), { engineUp: false, engineProblem: /does not answer/ });
  t.equal(scene.agent.status().state, 'online');
  t.equal(scene.events.inventories.length, 0, 'nothing is known, so nothing is told');
  scene.driver.up = true;
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.advance(1_000);
  t.match(scene.events.fingerprints.at(-1), { engineUp: true });
  t.equal(scene.events.inventories.length, 1);
});

t.test('an engine that comes back without a word is noticed', async (t) => {
  const scene = await createLinkScene(t);
  scene.driver.up = false;
  await scene.begin();
  scene.driver.up = true;
  await scene.environment.advance(6_000);
  t.equal(scene.events.inventories.length, 1);
});

t.test('an engine that goes down and up while the host is online is told as two facts', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.driver.up = false;
  scene.driver.tell({ kind: 'down', reason: 'socket closed' });
  await scene.environment.settle();
  scene.driver.up = true;
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.settle();
  t.match(scene.events.facts, [
    { type: 'host.fingerprinted', fingerprint: { engineUp: false } },
    { type: 'host.fingerprinted', fingerprint: { engineUp: true } },
  ]);
});

t.test(
  'an outage told late is followed by its end, even if the end was seen first by a new hello',
  async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    scene.wire.links = null;
    scene.wire.cut();
    scene.driver.up = false;
    scene.driver.tell({ kind: 'down', reason: 'socket closed' });
    await scene.environment.settle();
    await scene.endAgent();
    scene.driver.up = true;
    await scene.restartAgent();
    const seen = scene.events.facts.map(
      (fact) => fact.type === 'host.fingerprinted' && fact.fingerprint.engineUp,
    );
    t.equal(seen.at(-1), true, seen.join(', '));
  },
);
