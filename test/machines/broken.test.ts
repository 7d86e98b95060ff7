/** Each proof can fail: one broken chart for each, caught by it. */
import t from 'tap';
import { assign, createMachine, emit, fromPromise, setup } from 'xstate';
import type { AnyStateMachine } from 'xstate';
import type { Chart } from '../../src/machines/chart.ts';
import { tenantAddress } from '../../src/model/address.ts';
import { explore, proofs, releasesEverything, type Holding, type Space } from './proofs.ts';

const work = fromPromise(() => Promise.resolve(null));

function spaceOf(
  machine: AnyStateMachine,
  events: readonly string[] = [],
  describe = (): string => 'work',
): Space {
  const chart: Chart = {
    kind: 'container',
    version: 1,
    machine,
    project: ([path]) => ({ status: path ?? '', taskState: null, reason: null }),
    describe,
    commands: [],
    migrations: {},
  };
  return explore({
    chart,
    inputs: [{}],
    events: () => events.map((type) => ({ type })),
    results: (id) => [
      { type: `xstate.done.actor.${id}`, output: null },
      { type: `xstate.error.actor.${id}`, error: { code: 'X', message: 'x', retryable: false } },
    ],
    project: (context) => context,
  });
}

const settled = { tags: 'settled' };

t.test('a state nobody enters', async (t) => {
  t.match(
    proofs.everyStateIsReached(spaceOf(createMachine({ initial: 'a', states: { a: settled, b: settled } }))),
    [/b is never reached/],
  );
});

t.test('a dead end, and an end out of reach', async (t) => {
  const space = spaceOf(
    createMachine({ initial: 'a', states: { a: { ...settled, on: { go: 'b' } }, b: settled } }),
    ['go'],
  );
  t.match(proofs.nothingEndsBut(space), [/b is a dead end/]);
  t.match(proofs.theEndIsInReach(space), [/a never ends/, /b never ends/]);
});

t.test('a delete that is refused somewhere', async (t) => {
  const refuse = emit({ type: 'answer', answer: 'refused', reason: 'no' } as never);
  const machine = createMachine({
    initial: 'a',
    states: { a: { ...settled, on: { delete: { actions: refuse } } } },
  });
  t.match(
    proofs.isAnsweredEverywhere(spaceOf(machine, ['delete']), ({ type }) => type === 'delete'),
    [/is refused in a/],
  );
});

t.test('a transient state without a deadline', async (t) => {
  const machine = createMachine({
    initial: 'a',
    states: {
      a: { tags: 'transient', invoke: { id: 'w', src: work, onDone: 'b', onError: 'b' } },
      b: settled,
    },
  });
  t.match(proofs.transientStatesHaveDeadlines(spaceOf(machine)), [/a is transient and has no deadline/]);
});

t.test('an event nobody declared, and a refusal without a reason', async (t) => {
  const mute = emit({ type: 'answer', answer: 'refused', reason: null } as never);
  const machine = createMachine({
    initial: 'a',
    states: { a: { ...settled, on: { hush: { actions: mute } } } },
  });
  t.match(proofs.everyEventHasAnAnswer(spaceOf(machine, ['hush', 'boo'])), [
    /hush is refused without a reason/,
    /boo is not declared/,
  ]);
});

t.test('an after, a custom action, a "*"', async (t) => {
  const machine = createMachine({
    initial: 'a',
    states: { a: { ...settled, after: { 1000: 'a' }, on: { '*': { actions: () => {} } } } },
  });
  const wrong = proofs.onlyDeclaredEffects(spaceOf(machine)).join('; ');
  for (const expected of [/has an "after"/, /not assign, raise or emit/, /answers everything/])
    t.match(wrong, expected);
});

t.test('an invoke without onError, one that stays, one nobody describes', async (t) => {
  const machine = createMachine({
    initial: 'a',
    states: { a: { ...settled, invoke: { id: 'w', src: work, onDone: { actions: assign({}) } } } },
  });
  const silent = spaceOf(machine, [], () => {
    throw new RangeError('what is w?');
  });
  const wrong = proofs.everyInvokeIsHandled(silent).join('; ');
  for (const expected of [/does not handle error of w/, /stays when w is done/, /w is not described/])
    t.match(wrong, expected);
});

t.test('a context that does not survive JSON, and children that differ after a restore', async (t) => {
  const machine = createMachine({
    initial: 'a',
    context: { at: new Date(0) as unknown },
    states: { a: { ...settled, on: { go: 'a' } } },
  });
  const space = spaceOf(machine, ['go']);
  t.match(proofs.restoredIsAsFresh(space), [/does not survive JSON/]);
  const plain = spaceOf(createMachine({ initial: 'a', states: { a: { ...settled, on: { go: 'a' } } } }), [
    'go',
  ]);
  t.match(proofs.restoredIsAsFresh({ ...plain, configurations: withOtherInvokes(plain) }), [
    /has other children when it is restored/,
  ]);
});

const withOtherInvokes = (space: Space): Space['configurations'] =>
  new Map([...space.configurations].map(([key, each]) => [key, { ...each, invokes: new Set(['ghost']) }]));

t.test('a guard that is always true', async (t) => {
  const machine = setup({ guards: { always: () => true } }).createMachine({
    initial: 'a',
    states: { a: { ...settled, on: { go: { guard: 'always', target: 'a' } } } },
  });
  t.same(proofs.everyGuardIsSeenBothWays(spaceOf(machine, ['go'])), ['The guard always was never false']);
});

t.test('a status that is none, and silence where a reason is due', async (t) => {
  const space = spaceOf(createMachine({ initial: 'limbo', states: { limbo: settled } }));
  t.match(
    proofs.projectionIsTotal(space, ['Running'], () => false),
    [/has the status "limbo"/],
  );
  t.match(
    proofs.projectionIsTotal(space, ['limbo'], () => true),
    [/gives no reason/],
  );
});

t.test('a chart that throws', async (t) => {
  const boom = assign(() => {
    throw new Error('boom');
  });
  t.match(
    proofs.nothingThrows(
      spaceOf(createMachine({ initial: 'a', states: { a: { ...settled, on: { go: { actions: boom } } } } }), [
        'go',
      ]),
    ),
    [/boom/],
  );
});

t.test('something acquired and never released, and something released twice', async (t) => {
  const release = emit({ type: 'message', to: tenantAddress('p'), event: { type: 'release' } } as never);
  const machine = createMachine({
    initial: 'a',
    states: {
      a: { ...settled, on: { take: 'b', skip: 'end', twice: { target: 'c', actions: release } } },
      b: { ...settled, on: { skip: 'end' } },
      c: { ...settled, on: { twice: { target: 'end', actions: release } } },
      end: { type: 'final' },
    },
  });
  const holding: Holding = {
    resource: 'thing',
    acquired: ({ event, to }) => event.type === 'take' && to.paths.includes('b'),
    released: ({ emitted }) => emitted.length > 0,
    abandoned: () => false,
  };
  const wrong = releasesEverything(spaceOf(machine, ['take', 'skip', 'twice']), [holding], ['thing']).join(
    '; ',
  );
  t.match(wrong, /thing is still held/);
  t.match(wrong, /thing is released twice/);
});
