import t from 'tap';
import { args, createLinkScene, toldNames } from '../support/link-scene.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { OperationArguments } from '../../src/link/protocol.ts';

type CreateArguments = Extract<OperationArguments, { kind: 'createContainer' }>;

const callsOf = (calls: readonly string[], containerId = 'c1'): string[] =>
  calls.filter((call) => call.endsWith(containerId) && !call.startsWith('observe'));

t.test('an equal operation id is answered from its record, and does nothing again', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const params = scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  const first = scene.events.results[0];
  scene.links.operate('host-1', params);
  await scene.environment.settle();
  t.same(scene.events.results[1]?.outcome, first?.outcome);
  t.same(callsOf(scene.driver.calls), ['createContainer c1']);
});

t.test('a repeat while it runs is not a second run', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const release = scene.driver.hold('createContainer');
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  scene.wire.cut();
  await scene.environment.advance(5_000);
  release();
  await scene.environment.settle();
  t.same(callsOf(scene.driver.calls), ['createContainer c1']);
  t.equal(scene.events.results.length, 1);
});

t.test('what failed is answered as failed under its id; a retry is another id', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.driver.failNext('createContainer', new TroupeError('DISK_FULL', 'No space left on device'));
  const params = scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  scene.links.operate('host-1', params);
  await scene.environment.settle();
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  t.same(
    scene.events.results.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.failure.code)),
    ['DISK_FULL', 'DISK_FULL', 'ok'],
  );
});

const createAndStart = { ...(args.createContainer as CreateArguments), run: 1, start: true };

t.test('what is created to run is started with it, and told once', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: createAndStart });
  await scene.environment.settle();
  t.same(callsOf(scene.driver.calls), ['createContainer c1', 'startContainer c1']);
  t.match(scene.events.results, [{ outcome: { ok: true, output: { observation: { state: 'running' } } } }]);
  t.same(scene.events.facts, [], 'its own start is no news');
  t.match(scene.disk.lanes.get('c1')?.desired, { running: true, run: 1 });
  scene.driver.exit('c1', 1);
  await scene.environment.settle();
  t.match(scene.events.facts, [{ type: 'runtime.exited', opId: null }], 'what follows it is');
});

t.test('a start that fails behind its create leaves a create that worked', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.driver.failNext('startContainer', new TroupeError('START_FAILED', 'no such command'));
  scene.operate({ args: createAndStart });
  await scene.environment.settle();
  t.match(scene.events.results, [
    { outcome: { ok: true, output: { observation: { state: 'created', startedAt: null } } } },
  ]);
  t.not(scene.disk.lanes.get('c1')?.desired?.running, true);
});

t.test('a create that is repeated starts nothing that has had its run', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: createAndStart });
  await scene.environment.settle();
  scene.driver.exit('c1', 0);
  // As after a crash of which nothing is on disk but that it was taken.
  scene.operate({ args: createAndStart });
  await scene.environment.settle();
  t.same(callsOf(scene.driver.calls), ['createContainer c1', 'startContainer c1', 'createContainer c1']);
  t.match(scene.events.results[1], { outcome: { ok: true, output: { observation: { state: 'exited' } } } });
});

t.test('an older revision in the same slot is refused; in another slot it is not', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: args.createContainer, revision: 10 });
  await scene.environment.settle();
  scene.operate({ opId: 'late', args: args.startContainer, revision: 9 });
  scene.operate({ opId: 'pull', args: args.pullImage, revision: 8 });
  await scene.environment.settle();
  t.match(scene.events.refusals, [{ opId: 'late', failure: { code: 'STALE_COMMAND' } }]);
  t.ok(toldNames(scene.events).includes('result pull'));
});

t.test('a newer epoch begins anew: its revision 1 is newer than the old epoch’s 10', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: args.createContainer, revision: 10 });
  await scene.environment.settle();
  scene.operate({ opId: 'new', args: args.startContainer, revision: 1, epoch: 2 });
  await scene.environment.settle();
  t.same(scene.events.refusals, []);
  t.ok(toldNames(scene.events).includes('result new'));
});

t.test('in a slot one follows the other; slots and containers don’t wait for each other', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const release = scene.driver.hold('createContainer', 'c1');
  scene.operate({ args: args.createContainer });
  scene.operate({ args: args.startContainer });
  scene.operate({ args: args.pullImage });
  scene.operate({ containerId: 'c2', args: args.createContainer });
  await scene.environment.settle();
  t.same(toldNames(scene.events).sort(), ['result op-3', 'result op-4']);
  t.notOk(scene.driver.calls.includes('startContainer c1'));
  release();
  await scene.environment.settle();
  t.same(toldNames(scene.events).slice(2), ['result op-1', 'result op-2']);
});

t.test(
  'a hung engine call is told at its deadline; then only a removal is taken, and runs after it has ended',
  async (t) => {
    const scene = await createLinkScene(t);
    await scene.begin();
    const release = scene.driver.hold('createContainer');
    scene.operate({ args: args.createContainer, deadlineMs: 3_000 });
    await scene.environment.advance(3_000);
    t.match(scene.events.results, [
      { outcome: { ok: false, failure: { code: 'ENGINE_HUNG', message: /may still be running/ } } },
    ]);
    scene.operate({ opId: 'start', args: args.startContainer });
    scene.operate({ opId: 'remove', args: args.removeContainer });
    await scene.environment.settle();
    t.match(scene.events.refusals, [{ opId: 'start', failure: { code: 'ENGINE_HUNG' } }]);
    t.notOk(scene.driver.calls.includes('removeContainer c1'), 'it waits');
    release();
    await scene.environment.settle();
    t.same(callsOf(scene.driver.calls), ['createContainer c1', 'removeContainer c1']);
    t.match(scene.events.results.at(-1), { opId: 'remove', outcome: { ok: true } });
    t.equal(scene.driver.containers.size, 0, 'what came into being late is removed');
  },
);

t.test('a container the engine hangs on uses up nobody’s place', async (t) => {
  const scene = await createLinkScene(t, { concurrency: 2 });
  await scene.begin();
  for (const containerId of ['h1', 'h2', 'h3']) {
    scene.driver.hold('createContainer', containerId);
    scene.operate({
      containerId,
      args: args.createContainer,
      deadlineMs: containerId === 'h3' ? 2_000 : 3_000,
    });
  }
  await scene.environment.advance(3_000);
  t.same(
    scene.events.results.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.failure.code)),
    ['TIMED_OUT', 'ENGINE_HUNG', 'ENGINE_HUNG'],
    'the third has never begun, and says so',
  );
  t.notOk(scene.driver.calls.includes('createContainer h3'));
  scene.operate({ containerId: 'c1', args: args.createContainer });
  await scene.environment.settle();
  t.match(scene.events.results.at(-1), { containerId: 'c1', outcome: { ok: true } });
});

t.test('what never began within its deadline never does', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const release = scene.driver.hold('createContainer');
  scene.operate({ args: args.createContainer, deadlineMs: 60_000 });
  scene.operate({ args: args.startContainer, deadlineMs: 1_000 });
  await scene.environment.advance(1_000);
  t.match(scene.events.results, [
    { opId: 'op-2', outcome: { failure: { code: 'TIMED_OUT', retryable: true } } },
  ]);
  release();
  await scene.environment.settle();
  t.same(callsOf(scene.driver.calls), ['createContainer c1']);
});

t.test('a removal ends the wait for the container’s image', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.driver.hold('pullImage');
  scene.operate({ args: args.pullImage });
  await scene.environment.settle();
  scene.operate({ args: args.removeContainer });
  await scene.environment.settle();
  t.same(toldNames(scene.events).sort(), ['result op-1', 'result op-2']);
});

t.test('an agent that ended in the middle of an operation runs it again, and tells its result', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const release = scene.driver.hold('createContainer');
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  await scene.endAgent();
  release();
  t.match(scene.disk.lanes.get('c1'), { slots: { runtime: { opId: 'op-1', outcome: null } } });
  await scene.restartAgent();
  await scene.environment.settle();
  t.match(scene.events.results, [{ opId: 'op-1', outcome: { ok: true } }]);
  t.equal(scene.driver.containers.size, 1);
});

t.test('an agent that ended before its result was taken tells it, and does nothing again', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.events.keep = () => new Promise(() => {});
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  await scene.endAgent();
  scene.events.keep = null;
  scene.restartControlPlane();
  await scene.restartAgent();
  t.match(scene.events.results, [{ opId: 'op-1', outcome: { ok: true } }]);
  t.same(callsOf(scene.driver.calls), ['createContainer c1']);
});

t.test('lanes of what is gone are forgotten, on disk too', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  await scene.run('c2');
  t.same([...scene.disk.lanes.keys()], ['c1', 'c2']);
  scene.operate({ containerId: 'c1', args: args.removeContainer });
  await scene.environment.settle();
  t.same([...scene.disk.lanes.keys()], ['c2']);
  // Pulled for, and then given up.
  scene.operate({ containerId: 'c3', args: args.pullImage });
  await scene.environment.settle();
  scene.wire.cut();
  await scene.environment.advance(5_000);
  t.same([...scene.disk.lanes.keys()], ['c2'], 'and at the next sync what the engine does not have');
});

t.test('an image that is not wanted any more: its pull is given up, its lane forgotten', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const image = { subject: 'image', containerId: 'i1' } as const;
  scene.driver.hold('pullImage');
  scene.operate({ ...image, args: args.pullImage });
  await scene.environment.settle();
  scene.operate({ ...image, args: args.removeImage });
  await scene.environment.settle();
  t.match(scene.events.results, [
    { subject: 'image', containerId: 'i1', outcome: { ok: false } },
    { subject: 'image', containerId: 'i1', outcome: { ok: true } },
  ]);
  t.same(callsOf(scene.driver.calls, 'busybox:latest'), ['removeImage busybox:latest']);
  t.same([...scene.disk.lanes.keys()], []);
});

t.test('no disk of a host keeps the login that came with a pull', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  const credential = { domain: 'registry.example', username: 'ann', password: 'correct-horse' };
  scene.driver.failNext('pullImage', new TroupeError('REGISTRY_DENIED', 'It does not take it'));
  scene.operate({
    args: { kind: 'pullImage', image: 'registry.example/app:1', policy: 'always', credential },
  });
  await scene.environment.settle();
  t.same(
    scene.driver.pulls.map((pull) => pull.credential),
    [credential],
  );
  t.equal(scene.disk.lanes.size, 1);
  t.notMatch(JSON.stringify([...scene.disk.lanes.values()]), 'correct-horse');
});

t.test('images that came are told', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.operate({ args: args.pullImage });
  await scene.environment.settle();
  t.same(scene.events.imageLists, [['busybox:latest']]);
  scene.wire.cut();
  await scene.environment.advance(5_000);
  t.same(scene.events.inventories.at(-1)?.images, ['busybox:latest']);
});
