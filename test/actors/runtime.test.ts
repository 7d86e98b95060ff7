import t from 'tap';
import { assign, emit, setup } from 'xstate';
import { restore } from '../../src/actors/boot.ts';
import { createDecider } from '../../src/actors/decide.ts';
import type { EffectRun } from '../../src/actors/effects/effect.ts';
import { createRuntime, type Runtime } from '../../src/actors/runtime.ts';
import type { Store } from '../../src/actors/stores/store.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Chart } from '../../src/machines/chart.ts';
import { actorDocuments } from '../../src/actors/documents.ts';
import { createSpecs } from '../../src/actors/specs.ts';
import { containerAddress, perKind, shardOf, tenantAddress } from '../../src/model/address.ts';
import type { Emitted } from '../../src/model/events.ts';
import type { Cause, StreamRecord } from '../../src/model/journal.ts';
import { createScriptedStore } from '../support/scripted-store.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { fromPromise } from 'xstate';

/** A lamp that lights by an effect, tells a counter, and breaks when it is hit. */
const lamp = setup({
  types: {
    context: {} as { hostId: string | null; lit: number },
    events: {} as
      | { type: 'lamp.light' }
      | { type: 'lamp.hit' }
      | { type: 'lamp.bury' }
      | { type: 'counter.count'; by: number },
    emitted: {} as Emitted,
    tags: {} as 'settled' | 'transient',
  },
  actors: { lightLamp: fromPromise<{ watts: number }>(() => Promise.reject(new Error('unbound'))) },
}).createMachine({
  context: { hostId: null, lit: 0 },
  initial: 'dark',
  on: {
    'lamp.*': { actions: emit({ type: 'answer', answer: 'refused', reason: 'not now' }) },
    'lamp.hit': {
      actions: assign(() => {
        throw new Error('Glass is everywhere');
      }),
    },
    'counter.count': { actions: assign({ lit: ({ context, event }) => context.lit + event.by }) },
  },
  states: {
    dark: { tags: 'settled', on: { 'lamp.light': 'lighting', 'lamp.bury': 'buried' } },
    lighting: {
      tags: 'transient',
      invoke: {
        id: 'light',
        src: 'lightLamp',
        onDone: {
          target: 'bright',
          actions: [
            assign({ lit: ({ context }) => context.lit + 1 }),
            emit({ type: 'message', to: tenantAddress('p1'), event: { type: 'counter.count', by: 1 } }),
          ],
        },
        onError: 'dark',
      },
    },
    bright: { tags: 'settled' },
    buried: {
      type: 'final',
      tags: 'settled',
      entry: emit({ type: 'message', to: tenantAddress('p1'), event: { type: 'counter.count', by: -1 } }),
    },
  },
});

const chartOf = (kind: Chart['kind']): Chart => ({
  kind,
  version: 1,
  machine: lamp,
  project: ([path]) => ({ status: path ?? '', taskState: null, reason: null }),
  describe: () => '',
  commands: [],
  migrations: {},
});

const one = containerAddress('p1', 'one');
const two = containerAddress('p1', 'two');
const counter = tenantAddress('p1');
const cause: Cause = { kind: 'request', requestId: 'req-1', userId: 'u', projectId: 'p1' };

function build(store = createScriptedStore()) {
  const environment = createTestEnvironment();
  const effects: EffectRun[] = [];
  const stopped: string[] = [];
  const published: StreamRecord[] = [];
  const fencedBy: string[] = [];
  const runtime: Runtime = createRuntime({
    environment,
    store: store as unknown as Store,
    deciders: perKind((kind) => createDecider(chartOf(kind))),
    effects: {
      lightLamp: (run) => {
        effects.push(run);
        return () => void stopped.push(run.operation.opId);
      },
    },
    world: () => ({ worldId: 'w', epoch: 1 }),
    published: (record) => void published.push(record),
    fenced: (reason) => void fencedBy.push(reason),
    born: () => {},
    died: () => {},
    documents: actorDocuments(() => createSpecs({ seal: (text) => text, open: (text) => text })),
    isUnreadable: () => false,
  });
  const begin = async (...addresses: Parameters<Runtime['begin']>[0][]) => {
    const begun = addresses.map((address) => runtime.begin(address, {}, cause, null));
    await environment.settle();
    await Promise.all(begun);
  };
  const light = (address: Parameters<Runtime['ask']>[0]) =>
    runtime.ask(address, { type: 'lamp.light' }, cause, 'command');
  return { environment, store, effects, stopped, published, fencedBy, runtime, begin, light };
}

t.test('nothing leaves before the commit: no answer, no effect, no stream record, no message', async (t) => {
  const { environment, store, effects, published, runtime, begin, light } = build();
  await begin(one, counter);
  const before = published.length;
  const release = store.hold();
  let answered = false;
  const answer = light(one).then((given) => ((answered = true), given));
  await environment.advance(500);
  t.equal(answered, false);
  t.equal(effects.length, 0);
  t.equal(published.length, before);
  t.same(runtime.cell(one)?.committed?.paths, ['dark'], 'readers see the last durable state');
  release();
  await environment.settle();
  t.match(await answer, { answer: 'accepted', revision: 2 });
  t.equal(effects.length, 1);
  t.same(runtime.cell(one)?.committed?.paths, ['lighting']);
});

t.test('turns of one turn of the event loop share a commit', async (t) => {
  const { environment, store, begin, light } = build();
  await begin(one, two, counter);
  store.batches.length = 0;
  const answers = [light(one), light(two)];
  await environment.settle();
  await Promise.all(answers);
  t.same(store.batches, [2]);
});

t.test(
  'a refused commit never happened: the caller is told, the state is as before, a retry works',
  async (t) => {
    const { environment, store, effects, runtime, begin, light } = build();
    await begin(one, two, counter);
    store.answer(
      one,
      { kind: 'refused', cause: 'full', storedEpoch: 1, storedRevision: 1, reason: 'no room' },
      false,
    );
    const refused = t.rejects(light(one), { code: 'STORE_UNAVAILABLE', retryable: true });
    const neighbour = light(two);
    await environment.settle();
    await refused;
    t.match(await neighbour, { answer: 'accepted' }, 'a neighbour in the same batch is not concerned');
    t.same(runtime.cell(one)?.committed?.paths, ['dark']);
    t.same(
      effects.map(({ address }) => address),
      [two],
    );
    const again = light(one);
    await environment.advance(1_000);
    t.match(await again, { answer: 'accepted', revision: 2 });
  },
);

t.test('an unknown outcome is settled by asking again, whether it was written or not', async (t) => {
  for (const written of [true, false]) {
    const { environment, store, effects, begin, light } = build();
    await begin(one, counter);
    store.answer(one, { kind: 'unknown', reason: 'the reply was lost' }, written);
    const answer = light(one);
    await environment.settle();
    t.equal(effects.length, 0, 'frozen while in doubt');
    await environment.advance(1_000);
    t.match(await answer, { answer: 'accepted', revision: 2 });
    t.equal(effects.length, 1, 'and the effect started once');
    t.equal(store.turns.get(one)?.length, 2, 'and the turn is stored once');
  }
});

t.test('while one shard is in doubt, others go on', async (t) => {
  const { environment, store, begin, light } = build();
  const elsewhere = containerAddress('p2', 'three');
  await begin(one, elsewhere, counter);
  store.answer(one, { kind: 'unknown', reason: 'the reply was lost' }, false);
  const doubtful = light(one);
  await environment.settle();
  const clear = light(elsewhere);
  await environment.settle();
  t.match(await clear, { answer: 'accepted' });
  await environment.advance(1_000);
  t.match(await doubtful, { answer: 'accepted' });
});

t.test('a newer owner stops this one, loudly and for good', async (t) => {
  const { environment, store, fencedBy, runtime, begin, light } = build();
  await begin(one, two, counter);
  store.answer(
    one,
    { kind: 'refused', cause: 'stale', storedEpoch: 2, storedRevision: 1, reason: 'epoch 2' },
    false,
  );
  const stale = t.rejects(light(one), { code: 'STALE_OWNER' });
  await environment.settle();
  await stale;
  t.equal(fencedBy.length, 1);
  await t.rejects(light(two), { code: 'STALE_OWNER' });
  t.ok(runtime.fencedBy);
});

t.test('a result moves the actor once; a late one of an ended operation moves nothing', async (t) => {
  const { environment, effects, stopped, runtime, begin, light } = build();
  await begin(one, counter);
  const lit = light(one);
  await environment.settle();
  await lit;
  const [run] = effects;
  run!.done({ watts: 60 });
  run!.done({ watts: 60 });
  await environment.settle();
  t.same(runtime.cell(one)?.committed?.paths, ['bright']);
  t.match(runtime.cell(one)?.committed?.record, { revision: 3, operations: {}, context: { lit: 1 } });
  t.same(stopped, [run!.operation.opId]);
});

t.test('a message is handled once, and acknowledged when its turn is durable', async (t) => {
  const { environment, store, effects, runtime, begin, light } = build();
  await begin(one, counter);
  const lit = light(one);
  await environment.settle();
  await lit;
  effects[0]!.done({ watts: 60 });
  await environment.settle();
  t.match(runtime.cell(counter)?.committed?.record.context, { lit: 1 });
  const message = store.turns.get(one)!.at(-1)!.outbox[0]!;
  await environment.advance(100);
  t.match(store.acknowledged, [{ from: one, to: counter, sequence: message.sequence }]);
  runtime.courier.carry(one, 3, [message], false);
  await environment.settle();
  t.match(runtime.cell(counter)?.committed?.record.context, { lit: 1 }, 'delivered again, counted once');
});

t.test('a message whose turn is refused is handled again, not lost and not twice', async (t) => {
  const { environment, store, effects, runtime, begin, light } = build();
  await begin(one, counter);
  const lit = light(one);
  await environment.settle();
  await lit;
  store.answer(
    counter,
    { kind: 'refused', cause: 'full', storedEpoch: 1, storedRevision: 1, reason: 'no room' },
    false,
  );
  effects[0]!.done({ watts: 60 });
  await environment.settle();
  t.match(runtime.cell(counter)?.committed?.record.context, { lit: 0 });
  await environment.advance(2_000);
  t.match(runtime.cell(counter)?.committed?.record.context, { lit: 1 });
  t.equal([...runtime.courier.undelivered()].length, 0);
});

t.test(
  'a chart that throws is tried again with back-off, then quarantined; its siblings do not notice',
  async (t) => {
    const { environment, runtime, begin, light } = build();
    await begin(one, two, counter);
    runtime.deliver(one, { event: { type: 'lamp.hit' }, cause, source: { kind: 'fact' } });
    await environment.advance(5_000);
    t.match(runtime.cell(one)?.quarantined, { event: 'lamp.hit', reason: /Glass is everywhere/ });
    await t.rejects(light(one), { code: 'QUARANTINED' });
    const sibling = light(two);
    await environment.settle();
    t.match(await sibling, { answer: 'accepted' });
  },
);

t.test('an ended actor leaves a tombstone, and its last message arrives', async (t) => {
  const { environment, runtime, begin } = build();
  await begin(one, counter);
  const buried = runtime.ask(one, { type: 'lamp.bury' }, cause, 'command');
  await environment.settle();
  await buried;
  t.equal(runtime.cell(one), undefined);
  t.ok(runtime.tombstones.has(one));
  t.match(runtime.cell(counter)?.committed?.record.context, { lit: -1 });
});

t.test('an end that the owner before us wrote, and the store then lost, is written again', async (t) => {
  const earlier = build();
  await earlier.begin(one);
  const ended = earlier.runtime.ask(one, { type: 'lamp.bury' }, cause, 'command');
  await earlier.environment.settle();
  await ended;
  const { store } = earlier;
  const { record } = store.turns.get(one)!.at(-1)!;

  const { environment, runtime } = build(store);
  runtime.bury(record, restore(createDecider(chartOf('container')), record), []);
  runtime.resume(new Map([[shardOf(one), await store.position(shardOf(one))]]), []);
  store.loseLast(one);
  t.equal(store.turns.get(one)?.at(-1)?.record.endedAt, null);
  await environment.advance(10_000);
  t.match(store.turns.get(one)?.at(-1), {
    record: { endedAt: Number },
    journal: { event: { type: 'store.rewound' } },
  });
});

t.test(
  'what an actor had taken of others is written again with it, also of one that has ended',
  async (t) => {
    const { environment, store, runtime, begin } = build();
    await begin(one, counter);
    const buried = runtime.ask(one, { type: 'lamp.bury' }, cause, 'command');
    await environment.settle();
    await buried;
    const { inbox: taken } = store.turns.get(counter)!.at(-1)!;
    t.match(taken, [{ from: one, last: true }]);
    store.loseLast(counter);
    await environment.advance(10_000);
    t.match(store.turns.get(counter)?.at(-1), {
      journal: { event: { type: 'store.rewound' } },
      inbox: taken,
    });
  },
);

t.test('a command the chart refuses makes no turn', async (t) => {
  const { environment, store, runtime, begin } = build();
  await begin(one, counter);
  store.batches.length = 0;
  const answer = await runtime.ask(one, { type: 'lamp.polish' }, cause, 'command');
  t.match(answer, { answer: 'refused', reason: 'not now', revision: 1 });
  await environment.settle();
  t.same(store.batches, []);
});

t.test('an unknown actor is an error, not a hang', async (t) => {
  const { runtime } = build();
  await t.rejects(
    runtime.ask(one, { type: 'lamp.light' }, cause, 'command'),
    new TroupeError('CONTAINER_NOT_FOUND', `"${one}" could not be found`),
  );
});
