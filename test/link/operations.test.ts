import t from 'tap';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { args, createLinkScene, operation, timing } from '../support/link-scene.ts';
import { rawAgent } from '../support/raw-agent.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

t.test('operations wait for their host, and go out in order once it is synced', async (t) => {
  const scene = await createLinkScene(t);
  scene.operate({ args: args.createContainer });
  scene.operate({ args: args.startContainer });
  await scene.begin();
  t.same(
    scene.events.results.map(({ opId }) => opId),
    ['op-1', 'op-2'],
  );
});

t.test('no more than the limit are out at once; each that ends lets the next go', async (t) => {
  const scene = await createLinkScene(t, { concurrency: 100 });
  await scene.begin();
  const release = scene.driver.hold('pullImage');
  for (let count = 1; count <= 12; count += 1)
    scene.operate({ containerId: `c${count}`, args: args.pullImage });
  await scene.environment.settle();
  t.equal(scene.driver.calls.filter((call) => call.startsWith('pullImage')).length, 8);
  release();
  await scene.environment.settle();
  t.equal(scene.events.results.length, 12);
});

t.test('a stop waits for no pull: neither at the link nor at the host', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.driver.hold('pullImage');
  for (let count = 2; count <= 40; count += 1)
    scene.operate({ containerId: `c${count}`, args: args.pullImage });
  await scene.environment.settle();
  const { opId } = scene.operate({ containerId: 'c1', args: args.stopContainer });
  await scene.environment.settle();
  t.match(scene.events.results.at(-1), { opId, outcome: { ok: true } });
});

t.test('what is forgotten is not sent again', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const { opId } = scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  scene.links.forget('host-1', opId);
  scene.wire.cut();
  await scene.environment.advance(5_000);
  const sent = scene.wire.frames.filter(({ frame }) => frame.method === 'operate');
  t.equal(sent.length, 1);
});

t.test(
  'an operation the agent can not keep is refused, and runs when it is sent once there is room',
  async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    scene.disk.failure = new Error('No space left on device');
    scene.operate({ args: args.createContainer });
    await scene.environment.settle();
    t.match(scene.events.refusals, [
      { opId: 'op-1', failure: { code: 'DISK_FULL', retryable: true, message: /No space left on device/ } },
    ]);
    t.notOk(scene.driver.calls.includes('createContainer c1'), 'what is not on disk does not run');
    scene.disk.failure = null;
    scene.links.forget('host-1', 'op-1');
    scene.operate({ opId: 'op-1', args: args.createContainer });
    await scene.environment.settle();
    t.match(scene.events.results, [{ opId: 'op-1', outcome: { ok: true } }]);
  },
);

t.test('an operation the agent does not answer is sent again over the same link', async (t) => {
  const environment = createTestEnvironment();
  const events = createScriptedEvents();
  events.credentials.set('h1', 'secret');
  const links = createHostLinks({ environment, events, timing });
  const agent = rawAgent(links);
  await agent.sync('h1', 'secret');
  links.operate('h1', operation({ args: args.createContainer }, 1));
  const sent = (): number => agent.received.filter(({ method }) => method === 'operate').length;
  const live = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 500) {
      agent.notify('heartbeat', {});
      await environment.advance(500);
    }
  };
  await live(9_500);
  t.equal(sent(), 1);
  await live(1_000);
  t.equal(sent(), 2);
  agent.answer('operate', { accepted: true, failure: null });
  await live(30_000);
  t.equal(sent(), 2, 'and no more once it is taken');
});

t.test('a host that is not connected is said to be so', async (t) => {
  const scene = await createLinkScene(t);
  await t.rejects(scene.links.inventory('host-1'), { code: 'HOST_UNREACHABLE' });
  await scene.begin();
  await scene.run('c1');
  const { items } = await scene.links.inventory('host-1');
  t.match(items, [{ observation: { containerId: 'c1' }, lastOpId: 'op-2', worldId: 'world-1', epoch: 1 }]);
});
