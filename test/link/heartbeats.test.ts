import t from 'tap';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { createLinkScene, timing } from '../support/link-scene.ts';
import { rawAgent } from '../support/raw-agent.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

t.test('an idle link stays up', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.environment.advance(600_000);
  t.equal(scene.wire.dials, 1);
  t.equal(scene.agent.status().state, 'online');
});

for (const direction of ['up', 'down'] as const) {
  t.test(`nothing arriving ${direction} ends the session at both ends, whoever still hears`, async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    scene.wire.silent.add(direction);
    // Three heartbeats, and the one that was just heard.
    await scene.environment.advance(2_000);
    t.equal(scene.links.online().size, 0, 'the control plane says so');
    t.not(scene.agent.status().state, 'online', 'and so does the agent');
    t.ok(scene.events.log.includes('closed host-1: Three heartbeats were missed'), 'for this reason');
    scene.wire.silent.clear();
    await scene.environment.advance(20_000);
    t.equal(scene.agent.status().state, 'online', 'it comes back by itself');
    t.equal(scene.links.online().size, 1);
  });
}

t.test('a pause of the control plane itself ends no session', async (t) => {
  const environment = createTestEnvironment();
  const events = createScriptedEvents();
  events.credentials.set('host-1', 'secret');
  const links = createHostLinks({ environment, events, timing });
  const agent = rawAgent(links);
  await agent.sync('host-1', 'secret');
  await environment.settle();
  environment.stall(60_000);
  await environment.advance(timing.heartbeatMs);
  t.equal(agent.closed, null, 'what it has not asked for can’t be missing');
  await environment.advance(timing.heartbeatMs * 4);
  t.match(agent.closed, { code: 4001 }, 'what it has asked for can');
});

t.test('a wall clock that jumps an hour ends no session', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.environment.setWallClock(scene.environment.now() + 3_600_000);
  await scene.environment.advance(5_000);
  scene.environment.setWallClock(scene.environment.now() - 7_200_000);
  await scene.environment.advance(5_000);
  t.equal(scene.wire.dials, 1);
});

t.test('a control plane that stops says so, and the agent waits for the next', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.links.close();
  await scene.environment.settle();
  t.match(scene.agent.status(), { state: 'backoff', reason: 'The control plane is stopping' });
  scene.restartControlPlane();
  await scene.environment.advance(20_000);
  t.equal(scene.agent.status().state, 'online');
});
