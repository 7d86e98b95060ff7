import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { args, createLinkScene, toldNames, type LinkScene } from '../support/link-scene.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { rawAgent } from '../support/raw-agent.ts';
import { timing } from '../support/link-scene.ts';

/** A life of two containers: everything that is told in it, in the order of each container. */
async function live({ operate, driver, environment, links }: LinkScene): Promise<void> {
  for (const containerId of ['c1', 'c2']) {
    operate({ containerId, args: args.pullImage });
    operate({ containerId, args: args.createContainer });
    operate({ containerId, args: args.startContainer });
  }
  await environment.advance(20_000);
  driver.exit('c1', 3);
  driver.stopByHand('c2');
  await environment.advance(20_000);
  driver.removeByHand('c1');
  operate({ containerId: 'c2', args: args.removeContainer });
  await environment.advance(20_000);
  t.equal(links.online().size, 1);
}

const expected = [
  'result op-1',
  'result op-2',
  'result op-3',
  'runtime.exited c1',
  'runtime.gone c1',
  'result op-4',
  'result op-5',
  'result op-6',
  'runtime.exited c2',
  'result op-7',
];

t.test(
  'records survive a cut at any frame: none is lost, none is doubled, and each container keeps its order',
  async (t) => {
    const whole = await createLinkScene(t);
    await whole.begin();
    const first = whole.wire.frames.length;
    await live(whole);
    t.same(toldNames(whole.events).sort(), [...expected].sort(), 'without a cut');
    const frames = whole.wire.frames.length;
    let cuts = 0;
    for (let at = first; at < frames; at += 1) {
      // Heartbeats are alike: a cut at every one of them proves nothing more.
      if (whole.wire.frames[at]?.frame.method === 'heartbeat' && at % 40 !== 0) continue;
      const scene = await createLinkScene(t);
      await scene.begin();
      let sent = first;
      scene.wire.passes = () => {
        sent += 1;
        return sent !== at + 1;
      };
      await live(scene);
      const told = toldNames(scene.events);
      // What was alive at the cut is told by the new inventory, not as a fact: only what the engine did is.
      if (JSON.stringify([...told].sort()) !== JSON.stringify([...expected].sort()))
        t.same([...told].sort(), [...expected].sort(), `cut at frame ${at}`);
      for (const each of ['c1', 'c2']) {
        const mine = (names: readonly string[]): string[] =>
          names.filter(
            (name) => name.endsWith(each) || (each === 'c1' ? /op-[123]$/ : /op-[4567]$/).test(name),
          );
        if (JSON.stringify(mine(told)) !== JSON.stringify(mine(expected)))
          t.same(mine(told), mine(expected), `order of ${each}, cut at frame ${at}`);
      }
      const leftover = [...scene.disk.outbox.keys()];
      if (leftover.length > 0) t.same(leftover, [], `all is acknowledged, cut at frame ${at}`);
      await scene.agent.stop();
      cuts += 1;
    }
    t.ok(cuts > 30, `${cuts} cuts`);
  },
);

t.test('what happens while nobody answers is told at the return, in order', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.wire.links = null;
  scene.wire.cut();
  scene.driver.exit('c1', 1);
  await scene.environment.advance(1_000);
  scene.driver.startByHand('c1');
  await scene.environment.advance(60_000);
  t.same(toldNames(scene.events), ['result op-1', 'result op-2']);
  scene.wire.links = scene.links;
  await scene.environment.advance(20_000);
  t.same(toldNames(scene.events).slice(2), ['runtime.exited c1', 'runtime.started c1']);
});

t.test('what was told to an agent that ended is told by the next', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  await scene.run('c1');
  scene.wire.links = null;
  scene.wire.cut();
  scene.driver.exit('c1', 1);
  await scene.environment.settle();
  await scene.endAgent();
  await scene.restartAgent();
  t.same(toldNames(scene.events).slice(2), ['runtime.exited c1']);
});

t.test('a new control plane is told what the old one did not acknowledge', async (t) => {
  const scene = await createLinkScene(t);
  await scene.begin();
  scene.events.keep = () => new Promise(() => {});
  scene.operate({ args: args.createContainer });
  await scene.environment.settle();
  t.equal(scene.disk.outbox.size, 1, 'it is not acknowledged while it is not durable');
  scene.events.keep = null;
  scene.restartControlPlane();
  await scene.environment.advance(5_000);
  t.same(toldNames(scene.events), ['result op-1']);
  t.equal(scene.disk.outbox.size, 0);
});

const links = () => {
  const environment = createTestEnvironment();
  const events = createScriptedEvents();
  events.credentials.set('h1', 'secret');
  return { environment, events, links: createHostLinks({ environment, events, timing }) };
};
const fact = (sequence: number) => ({
  sequence,
  record: {
    kind: 'fact',
    at: 0,
    fact: { type: 'runtime.gone', containerId: `c${sequence}`, tenant: 'p', generation: 1, opId: null },
  },
});
const acks = (agent: ReturnType<typeof rawAgent>) =>
  agent.received.flatMap(({ method, params }) => (method === 'ack' ? [params?.['sequence']] : []));

t.test('an acknowledgement never overtakes an older record that is not durable yet', async (t) => {
  const { environment, events, links: hostLinks } = links();
  const durable = new Map<number, () => void>();
  events.keep = (_, sequence) => new Promise((resolve) => durable.set(sequence, resolve));
  const agent = rawAgent(hostLinks);
  await agent.sync('h1', 'secret');
  for (const sequence of [1, 2, 3]) agent.notify('up', fact(sequence));
  durable.get(2)!();
  durable.get(3)!();
  await environment.settle();
  t.same(acks(agent), []);
  durable.get(1)!();
  await environment.settle();
  t.same(acks(agent), [3], 'and then one stands for all');
});

t.test(
  'a record the store can not take now is not acknowledged: the agent dials again and sends it again',
  async (t) => {
    const { environment, events, links: hostLinks } = links();
    events.keep = () => Promise.reject(new TroupeError('STORE_UNAVAILABLE', 'The store does not answer'));
    const agent = rawAgent(hostLinks);
    await agent.sync('h1', 'secret');
    agent.notify('up', fact(1));
    await environment.settle();
    t.match(agent.closed, { code: 4004, reason: 'The store does not answer' });
    t.same(acks(agent), []);
    events.keep = null;
    const again = rawAgent(hostLinks);
    await again.sync('h1', 'secret');
    again.notify('up', fact(1));
    again.notify('up', fact(2));
    await environment.settle();
    t.same(acks(again), [2]);
    t.same(events.told.map(({ sequence }) => sequence), [1, 2]); // prettier-ignore
  },
);

t.test('a record nobody can ever take does not stop what follows it', async (t) => {
  const { environment, events, links: hostLinks } = links();
  events.keep = (_, sequence) =>
    sequence === 1 ? Promise.reject(new RangeError('Not an actor address')) : Promise.resolve();
  const agent = rawAgent(hostLinks);
  await agent.sync('h1', 'secret');
  agent.notify('up', fact(1));
  agent.notify('up', fact(2));
  await environment.settle();
  t.equal(agent.closed, null);
  t.same(acks(agent), [2]);
});

t.test(
  'a record that comes again is not handed over again; a new start of the agent counts anew',
  async (t) => {
    const { environment, events, links: hostLinks } = links();
    for (const [boot, handedOver] of [
      ['boot-1', 1],
      ['boot-1', 1],
      ['boot-2', 2],
    ] as const) {
      const agent = rawAgent(hostLinks);
      await agent.sync('h1', 'secret', boot);
      agent.notify('up', fact(1));
      await environment.settle();
      t.same(acks(agent), [1], 'acknowledged each time');
      t.equal(events.told.length, handedOver);
    }
  },
);

t.test('an agent that tells without end is hung up on before it fills the memory', async (t) => {
  const { environment, events, links: hostLinks } = links();
  events.keep = () => new Promise(() => {});
  const agent = rawAgent(hostLinks);
  await agent.sync('h1', 'secret');
  let sent = 0;
  while (agent.closed === null && sent < 100_000) {
    agent.notify('up', fact((sent += 1)));
    if (sent % 1_000 === 0) await environment.settle();
  }
  await environment.settle();
  t.match(agent.closed, { code: 1008, reason: /before it is acknowledged/ });
  t.equal(sent, 10_001);
});
