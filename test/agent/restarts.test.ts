import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { args, createLinkScene, toldNames, type LinkScene } from '../support/link-scene.ts';

const always = { name: 'always', maximumRetryCount: 0 };

const cutOff = (scene: LinkScene): void => {
  scene.wire.links = null;
  scene.wire.cut();
};
const stateOf = ({ driver }: LinkScene) => driver.containers.get('c1')?.observation.state;

t.test('while the lease holds the agent restarts nothing, link or no link', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  scene.driver.exit('c1', 1);
  await scene.environment.advance(60_000);
  t.equal(stateOf(scene), 'exited', 'connected');
  cutOff(scene);
  await scene.environment.advance(4_400);
  t.equal(stateOf(scene), 'exited', 'cut off for less than the lease');
});

t.test('when the lease has gone the agent restarts by policy, counts runs, and tells each', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  cutOff(scene);
  scene.driver.exit('c1', 1);
  await scene.environment.advance(5_000);
  await scene.environment.advance(200);
  t.equal(stateOf(scene), 'running', 'what ended while it held is ours now');
  scene.driver.exit('c1', 1);
  await scene.environment.advance(1_000);
  t.equal(stateOf(scene), 'running', 'and what ends later, too');
  t.match(scene.disk.lanes.get('c1')?.desired, { running: true, run: 3, restarts: 2 });
  scene.wire.links = scene.links;
  await scene.environment.advance(20_000);
  t.match(
    scene.events.facts.map((fact) => [fact.type, 'byAgent' in fact ? fact.byAgent : null]),
    [
      ['runtime.exited', null],
      ['runtime.started', true],
      ['runtime.exited', null],
      ['runtime.started', true],
    ],
  );
});

t.test('no more often than the policy allows', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', { name: 'on-failure', maximumRetryCount: 2 });
  cutOff(scene);
  await scene.environment.advance(6_000);
  for (let exits = 0; exits < 5; exits += 1) {
    if (stateOf(scene) === 'running') scene.driver.exit('c1', 1);
    await scene.environment.advance(5_000);
  }
  t.equal(stateOf(scene), 'exited');
  t.equal(scene.driver.calls.filter((call) => call === 'startContainer c1').length, 3);
});

for (const [what, policy, exitCode] of [
  ['a policy of no', { name: 'no', maximumRetryCount: 0 }, 1],
  ['a success under on-failure', { name: 'on-failure', maximumRetryCount: 0 }, 0],
] as const) {
  t.test(`${what} is not restarted`, async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    await scene.run('c1', policy);
    cutOff(scene);
    await scene.environment.advance(6_000);
    scene.driver.exit('c1', exitCode);
    await scene.environment.advance(120_000);
    t.equal(stateOf(scene), 'exited');
  });
}

t.test('what was to be stopped is not restarted, whether or not the stop was told', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  const release = scene.driver.hold('stopContainer');
  scene.operate({ args: args.stopContainer });
  await scene.environment.settle();
  cutOff(scene);
  await scene.environment.advance(6_000);
  release();
  await scene.environment.advance(120_000);
  t.equal(stateOf(scene), 'exited');
});

t.test('a lease that comes back before the back-off ends keeps the agent from restarting', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  cutOff(scene);
  await scene.environment.advance(6_000);
  // The back-off grows, so that the link is back within it.
  for (let exits = 0; exits < 8; exits += 1) {
    scene.driver.exit('c1', 1);
    await scene.environment.advance(exits < 7 ? 100 * 2 ** exits + 50 : 100);
  }
  t.equal(stateOf(scene), 'exited');
  scene.wire.links = scene.links;
  await scene.environment.advance(60_000);
  t.equal(scene.agent.status().state, 'online');
  t.equal(stateOf(scene), 'exited', 'the chart decides again');
});

t.test('a start the engine can not do now is tried again, and counts as one run', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', { name: 'on-failure', maximumRetryCount: 1 });
  cutOff(scene);
  await scene.environment.advance(6_000);
  for (let count = 0; count < 3; count += 1)
    scene.driver.failNext('startContainer', new TroupeError('ENGINE_UNAVAILABLE', 'Not now'));
  scene.driver.exit('c1', 1);
  await scene.environment.advance(30_000);
  t.equal(stateOf(scene), 'running');
  t.match(scene.disk.lanes.get('c1')?.desired, { run: 2, restarts: 1 });
});

t.test('a command that comes meanwhile waits for the agent’s own start, and hears of it first', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  cutOff(scene);
  await scene.environment.advance(6_000);
  const release = scene.driver.hold('startContainer');
  scene.driver.exit('c1', 1);
  await scene.environment.advance(200);
  scene.wire.links = scene.links;
  const { opId } = scene.operate({ args: args.stopContainer });
  await scene.environment.advance(20_000);
  t.notOk(scene.driver.calls.includes('stopContainer c1'));
  release();
  await scene.environment.settle();
  t.equal(stateOf(scene), 'exited');
  t.same(toldNames(scene.events).filter((name) => name !== 'runtime.exited c1').slice(2), ['runtime.started c1', `result ${opId}`]); // prettier-ignore
});

t.test('after a restart of the agent with nobody to talk to, what must run is brought up', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1', always);
  await scene.endAgent();
  scene.driver.quietly(() => scene.driver.exit('c1', 137));
  scene.links.close();
  await scene.restartAgent();
  await scene.environment.advance(4_000);
  t.equal(stateOf(scene), 'exited', 'not at once: a control plane may be about to speak');
  await scene.environment.advance(2_000);
  t.equal(stateOf(scene), 'running');
});
