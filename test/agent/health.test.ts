import t from 'tap';
import type { AgentFact } from '../../src/link/protocol.ts';
import type { HealthCheck, HealthProbe } from '../../src/model/health.ts';
import { args, createLinkScene, spec, type LinkScene } from '../support/link-scene.ts';

const http: HealthProbe = { type: 'http', port: 80, path: '/well', statuses: [{ least: 200, most: 299 }] };

const check = (probe: HealthProbe, more: Partial<HealthCheck> = {}): HealthCheck => ({
  probe,
  intervalSeconds: 10,
  timeoutSeconds: 2,
  retries: 2,
  startPeriodSeconds: 0,
  successThreshold: 1,
  ...more,
});

/** Creates `c1` with this check at an address of the engine's network, and starts it. */
async function run(scene: LinkScene, healthcheck: HealthCheck, generation = 1): Promise<void> {
  const desired = { running: true, run: 1, restarts: 0, restartPolicy: { name: 'no', maximumRetryCount: 0 } };
  const create = {
    ...args.createContainer,
    kind: 'createContainer',
    spec: { ...spec, healthcheck },
  } as const;
  scene.operate({ args: create as never, desired, generation });
  await scene.environment.settle();
  const found = scene.driver.containers.get('c1')!;
  found.observation = { ...found.observation, addresses: ['10.0.0.2'] };
  scene.operate({ args: args.startContainer, desired, generation });
  await scene.environment.settle();
}

const healths = ({ events }: LinkScene): (string | null)[] =>
  events.facts.flatMap((fact: AgentFact) =>
    fact.type === 'runtime.health' ? [fact.observation.health] : [],
  );

const lastHealth = ({ events }: LinkScene) =>
  events.facts.findLast((fact) => fact.type === 'runtime.health')?.observation;

const startResult = ({ events }: LinkScene): unknown =>
  events.told.flatMap(({ record }) =>
    record.kind === 'result' && record.outcome.ok ? [record.outcome.output] : [],
  )[1];

t.test(
  'it is starting, healthy once it passed, unhealthy after as many failures as asked, and healthy again',
  async (t) => {
    const scene = await createLinkScene(t);
    const { environment, prober } = scene;
    await scene.begin();
    await run(scene, check(http));
    t.match(startResult(scene), { observation: { state: 'running', health: 'starting' } });
    t.same(prober.probes, [], 'the first probe comes an interval after the start');
    await environment.advance(10_000);
    t.same(prober.probes, ['GET 10.0.0.2:80/well']);
    t.same(healths(scene), ['healthy']);
    prober.answer = 503;
    await environment.advance(10_000);
    t.same(healths(scene), ['healthy'], 'once may be an accident');
    await environment.advance(10_000);
    t.same(healths(scene), ['healthy', 'unhealthy']);
    t.match(lastHealth(scene), { healthReason: 'GET /well at 10.0.0.2:80 answered 503' });
    prober.answer = 204;
    await environment.advance(10_000);
    t.same(healths(scene), ['healthy', 'unhealthy', 'healthy']);
  },
);

t.test('no answer in time is a failure, and no probe begins while another waits', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober } = scene;
  await scene.begin();
  prober.answer = null;
  await run(scene, check({ type: 'tcp', port: 6379 }));
  await environment.advance(10_000);
  await environment.advance(1_900);
  t.same(prober.probes, ['tcp 10.0.0.2:6379']);
  await environment.advance(12_200);
  t.same(healths(scene), ['unhealthy']);
  t.match(lastHealth(scene), { healthReason: 'There was no answer within 2 s' });
});

t.test('passes in a row, where more than one is asked for', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober } = scene;
  await scene.begin();
  await run(scene, check(http, { successThreshold: 2 }));
  await environment.advance(10_000);
  prober.answer = '10.0.0.2:80 refused the connection';
  await environment.advance(10_000);
  prober.answer = 200;
  await environment.advance(10_000);
  t.same(healths(scene), []);
  await environment.advance(10_000);
  t.same(healths(scene), ['healthy']);
});

t.test('failures in the start period do not count, until it passed once', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober } = scene;
  await scene.begin();
  prober.answer = 'no';
  await run(scene, check(http, { retries: 1, startPeriodSeconds: 35 }));
  await environment.advance(30_000);
  t.same(healths(scene), []);
  prober.answer = 200;
  await environment.advance(3_000);
  prober.answer = 'no';
  await environment.advance(7_000);
  t.same(healths(scene), ['unhealthy'], 'the first failure after it');
});

t.test('what is paused is not probed; its health stays what it was', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober } = scene;
  await scene.begin();
  await run(scene, check(http));
  await environment.advance(10_000);
  scene.operate({ args: args.pauseContainer });
  await environment.settle();
  prober.answer = 'no';
  await environment.advance(100_000);
  t.equal(prober.probes.length, 1);
  scene.operate({ args: args.unpauseContainer });
  await environment.settle();
  await environment.advance(20_000);
  t.equal(prober.probes.length, 3);
  t.same(healths(scene), ['healthy', 'unhealthy']);
});

t.test('a run that has ended is not probed, by whatever it ended; the next one begins anew', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober, driver } = scene;
  await scene.begin();
  await run(scene, check(http));
  await environment.advance(10_000);
  driver.exit('c1', 1);
  await environment.advance(60_000);
  t.equal(prober.probes.length, 1, 'an exit');
  scene.operate({ args: args.startContainer });
  await environment.settle();
  t.match(driver.containers.get('c1')?.observation, { state: 'running' });
  await environment.advance(10_000);
  t.equal(prober.probes.length, 2);
  scene.operate({ args: args.stopContainer });
  await environment.settle();
  await environment.advance(60_000);
  t.equal(prober.probes.length, 2, 'a stop');
  scene.operate({ args: args.startContainer });
  await environment.advance(10_000);
  t.equal(prober.probes.length, 3);
  driver.removeByHand('c1');
  await environment.advance(60_000);
  t.equal(prober.probes.length, 3, 'a removal');
});

t.test('an exit in a hole of the engine’s events ends it too', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober, driver } = scene;
  await scene.begin();
  await run(scene, check(http));
  driver.quietly(() => driver.removeByHand('c1'));
  driver.tell({ kind: 'gap' });
  await environment.advance(60_000);
  t.same(prober.probes, []);
});

t.test('a look that was begun before the end of a run does not bring its probes back', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober, driver } = scene;
  await scene.begin();
  await run(scene, check(http));
  const seen = { ...driver.containers.get('c1')!.observation };
  driver.exit('c1', 0);
  await environment.settle();
  driver.containers.get('c1')!.observation = seen;
  driver.tell({ kind: 'gap' });
  await environment.advance(60_000);
  t.same(prober.probes, []);
});

t.test('probes go on after a restart of the agent, from what was said before', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober } = scene;
  await scene.begin();
  prober.answer = 500;
  await run(scene, check(http));
  await environment.advance(20_000);
  t.same(healths(scene), ['unhealthy']);
  const before = prober.probes.length;
  await scene.endAgent();
  await environment.advance(60_000);
  t.equal(prober.probes.length, before, 'none without an agent');
  await scene.restartAgent();
  const item = scene.events.inventories.at(-1)?.items[0];
  t.match(item?.observation, { health: 'unhealthy', healthReason: /answered 500/ });
  await environment.advance(20_000);
  t.ok(prober.probes.length > before);
  t.same(healths(scene), ['unhealthy'], 'nothing new is nothing told');
  prober.answer = 200;
  await environment.advance(10_000);
  t.same(healths(scene), ['unhealthy', 'healthy']);
});

t.test('commands that the engine does not run are run by the agent', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, driver } = scene;
  Object.assign(driver, { runsHealthChecks: false });
  await scene.restartAgent();
  const ran: (readonly string[])[] = [];
  driver.runs = (command) => {
    ran.push(command);
    return { end: 'exited', exitCode: 3, output: 'no such table\n', truncated: false };
  };
  await run(scene, check({ type: 'exec', test: 'pg_isready' }, { retries: 1 }));
  await environment.advance(10_000);
  t.same(ran, [['/bin/sh', '-c', 'pg_isready']]);
  t.match(lastHealth(scene), {
    health: 'unhealthy',
    healthReason: 'The command exited with 3: no such table',
  });
});

t.test('those that it runs are left to it, unless more than one pass is asked for', async (t) => {
  for (const [successThreshold, ran] of [
    [1, 0],
    [2, 1],
  ] as const) {
    const scene = await createLinkScene(t);
    let count = 0;
    scene.driver.runs = () => {
      count += 1;
      return { end: 'exited', exitCode: 0, output: '', truncated: false };
    };
    await scene.begin();
    await run(scene, check({ type: 'exec', test: 'true' }, { successThreshold }));
    await scene.environment.advance(10_000);
    t.equal(count, ran);
  }
});

t.test('a container without an address fails its check in words', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await run(scene, check(http, { retries: 1 }));
  const found = scene.driver.containers.get('c1')!;
  found.observation = { ...found.observation, addresses: [] };
  scene.driver.tell({ kind: 'gap' });
  await scene.environment.advance(10_000);
  t.match(lastHealth(scene), { health: 'unhealthy', healthReason: /no address .* network of Troupe's/ });
});

t.test('a rebuild without a check ends the one before', async (t) => {
  const scene = await createLinkScene(t);
  const { environment, prober, driver } = scene;
  await scene.begin();
  await run(scene, check(http));
  scene.operate({ args: args.stopContainer });
  await environment.settle();
  scene.operate({ args: args.removeContainer });
  await environment.settle();
  t.notOk(driver.containers.has('c1'));
  scene.operate({ args: args.createContainer, generation: 2 });
  await environment.settle();
  scene.operate({ args: args.startContainer, generation: 2 });
  await environment.advance(60_000);
  t.match(driver.containers.get('c1')?.observation, { generation: 2, state: 'running' });
  t.same(prober.probes, []);
});
