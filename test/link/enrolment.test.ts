import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createLinkScene } from '../support/link-scene.ts';

t.test('a new agent enrols once, keeps what it got, and is online', async (t) => {
  const { begin, agent, disk, events, wire } = await createLinkScene(t);
  await begin();
  t.equal(agent.status().state, 'online');
  t.same(disk.identity, { hostId: 'host-1', credential: 'secret-1', worldId: 'world-1' });
  t.same(events.log, ['connected host-1', 'inventory host-1', 'synced host-1']);
  t.same(events.fingerprints[0]?.labels, { rack: 'r1' }, 'with the labels of its configuration');
  t.equal(wire.frames.filter(({ frame }) => frame.method === 'enrol').length, 1);
});

t.test('an agent that has joined says hello with its credential, and needs no token again', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.endAgent();
  await scene.restartAgent();
  t.equal(scene.agent.status().state, 'online');
  t.equal(scene.wire.frames.filter(({ frame }) => frame.method === 'enrol').length, 1);
});

t.test('a join token that was used is refused, in words, and the agent does not dial again', async (t) => {
  const scene = await createLinkScene(t);
  scene.events.joinTokens.delete('join');
  await scene.begin();
  t.equal(scene.agent.status().state, 'refused');
  t.match(await scene.agent.refused, /join token is unknown, used or expired/);
  await scene.environment.advance(120_000);
  t.equal(scene.wire.dials, 1);
});

t.test('an agent without a token says what it needs', async (t) => {
  const scene = await createLinkScene(t, { joinToken: null });
  await scene.begin();
  t.match(await scene.agent.refused, /give the agent a join token/);
});

t.test('a wrong credential is refused', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.endAgent();
  scene.disk.identity = { ...scene.disk.identity!, credential: 'guessed' };
  await scene.restartAgent();
  t.match(await scene.agent.refused, /credential is wrong/);
  t.same(scene.events.log.filter((line) => line.startsWith('connected')).length, 1);
});

t.test('a control plane that can not answer now is dialled again, ever less often', async (t) => {
  const scene = await createLinkScene(t);
  const { events, environment, wire } = scene;
  const { enrol } = events;
  let failures = 0;
  events.enrol = (...given) => {
    failures += 1;
    if (failures > 4) return enrol(...given);
    return Promise.reject(new TroupeError('STORE_UNAVAILABLE', 'The store does not answer'));
  };
  await scene.begin();
  t.match(scene.agent.status(), { state: 'backoff', reason: 'The store does not answer' });
  const dials: number[] = [];
  for (let at = 0; at < 3_000; at += 50) {
    await environment.advance(50);
    if (wire.dials > dials.length + 1) dials.push(at);
  }
  const gaps = dials.map((at, index) => at - (dials[index - 1] ?? 0));
  t.same(
    gaps,
    [...gaps].sort((a, b) => a - b),
    `the gaps grow: ${gaps.join(', ')} ms`,
  );
  t.equal(scene.agent.status().state, 'online');
});

t.test('one host has one session: the newer ends the older', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.endAgent();
  const { disk, environment } = scene;
  const twin = { ...disk.identity! };
  await scene.restartAgent();
  const first = scene.agent;
  disk.identity = twin;
  await scene.restartAgent();
  t.equal(scene.agent.status().state, 'online', 'the newer is online');
  t.not(first.status().state, 'online', 'the older is not');
  t.equal(scene.links.online().size, 1);
  await first.stop();
  await environment.settle();
  t.equal(scene.links.online().size, 1, 'the end of the older does not end the newer');
});
