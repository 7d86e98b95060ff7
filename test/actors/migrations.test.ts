/** A newer release's chart takes over what an older one has stored. */
import t, { type Test } from 'tap';
import { assign, createMachine, fromPromise, setup, type AnyStateMachine } from 'xstate';
import { boot } from '../../src/actors/boot.ts';
import { createDecider } from '../../src/actors/decide.ts';
import type { EffectRun } from '../../src/actors/effects/effect.ts';
import { createRuntime, type Runtime } from '../../src/actors/runtime.ts';
import { actorDocuments } from '../../src/actors/documents.ts';
import { createSpecs } from '../../src/actors/specs.ts';
import type { Store, TurnWrite } from '../../src/actors/stores/store.ts';
import { charts } from '../../src/machines/catalogue.ts';
import type { Chart, Envelope } from '../../src/machines/chart.ts';
import { definitionOf } from '../../src/machines/definition.ts';
import { containerAddress, hostAddress, perKind, type Address } from '../../src/model/address.ts';
import type { Cause } from '../../src/model/journal.ts';
import { turn } from '../conformance/store.ts';
import { containerInput } from '../machines/container-samples.ts';
import { embeddedFolder, owner, startActors, type EmbeddedFolder } from '../support/embedded-world.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const lamp = containerAddress('p1', 'lamp');
const cause: Cause = { kind: 'request', requestId: 'req-1', userId: 'u', projectId: 'p1' };
const unbound = fromPromise(() => Promise.reject(new Error('unbound')));
const actors = { lightLamp: unbound, warmLamp: unbound, watchLamp: unbound, deadline: unbound };

/** Version 1: a lamp that is lit by an effect under a deadline, while another warms it. */
const first = setup({ types: { context: {} as { hostId: null; watts: number } }, actors }).createMachine({
  context: { hostId: null, watts: 60 },
  initial: 'dark',
  on: { 'actor.restored': {} },
  states: {
    dark: { tags: 'settled', on: { 'lamp.light': 'lighting' } },
    lighting: {
      invoke: [
        { id: 'light', src: 'lightLamp', input: { watts: 60 }, onDone: 'bright', onError: 'dark' },
        { id: 'warm', src: 'warmLamp', onDone: 'bright', onError: 'dark' },
        { id: 'lighting.deadline', src: 'deadline', input: { ms: 5_000 }, onDone: 'dark', onError: 'dark' },
      ],
    },
    bright: { tags: 'settled' },
  },
});

/** Version 2: "lighting" is "igniting", watts are lumens; warming is gone, watching is new, the deadline's effect is another. */
const second = setup({ types: { context: {} as { hostId: null; lumens: number } }, actors }).createMachine({
  context: { hostId: null, lumens: 800 },
  initial: 'dark',
  on: { 'actor.restored': {} },
  states: {
    dark: { tags: 'settled', on: { 'lamp.light': 'igniting' } },
    igniting: {
      invoke: [
        { id: 'light', src: 'lightLamp', input: { watts: 0 }, onDone: 'bright', onError: 'dark' },
        {
          id: 'watch',
          src: 'watchLamp',
          input: ({ context }) => ({ lumens: context.lumens }),
          onDone: { target: 'bright', actions: assign({ lumens: 1 }) },
          onError: 'dark',
        },
        { id: 'lighting.deadline', src: 'watchLamp', input: { ms: 9_000 }, onDone: 'dark', onError: 'dark' },
      ],
    },
    bright: { tags: 'settled' },
  },
});

const toSecond = ({ value, context }: Envelope): Envelope => ({
  value: value === 'lighting' ? 'igniting' : value,
  context: { hostId: null, lumens: (context as { watts: number }).watts * 13 },
  chartVersion: 2,
});

const chartOf = (machine: AnyStateMachine, version: number, migrations: Chart['migrations'] = {}): Chart => ({
  kind: 'container',
  version,
  machine,
  project: ([path]) => ({ status: path ?? '', taskState: null, reason: null }),
  describe: () => '',
  commands: [],
  migrations,
});

interface Site {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly effects: EffectRun[];
  /** Lets commits through that were held. */
  release(): void;
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** One process's life over the folder: boot, and what `startControlPlane` does after it. */
async function start(folder: EmbeddedFolder, chart: Chart, held = false): Promise<Site> {
  const environment = createTestEnvironment();
  const real = folder.open(environment);
  let gate: Promise<void> = Promise.resolve();
  let release = (): void => {};
  if (held) gate = new Promise((resolve) => (release = resolve));
  const store: Store = {
    ...real,
    commit: async (writes, acknowledged) => {
      await gate;
      return real.commit(writes, acknowledged);
    },
  };
  const world = await store.open(owner, 0);
  const decider = createDecider(chart);
  const deciders = perKind(() => decider);
  const effects: EffectRun[] = [];
  const effect = (run: EffectRun) => {
    effects.push(run);
    return () => {};
  };
  const runtime = createRuntime({
    environment,
    store,
    deciders,
    effects: { lightLamp: effect, warmLamp: effect, watchLamp: effect, deadline: effect },
    world: () => world,
    published: () => {},
    fenced: () => {},
    born: () => {},
    died: () => {},
    documents: actorDocuments(() => createSpecs({ seal: (text) => text, open: (text) => text })),
    isUnreadable: () => false,
  });
  const specs = createSpecs({ seal: (text) => text, open: (text) => text });
  const restored = await boot(environment, store, runtime, specs, deciders);
  runtime.resume(restored.positions, restored.outboxes);
  for (const address of restored.migrated) {
    runtime.deliver(address, { event: { type: 'actor.restored' }, cause, source: { kind: 'fact' } });
  }
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      await environment.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    runtime,
    store,
    effects,
    release: () => release(),
    until,
    async stop() {
      release();
      let stopped = false;
      const stopping = runtime.stop().then(() => (stopped = true));
      await until(() => stopped);
      await stopping;
      await store.close();
    },
  };
}

const sources = (site: Site): string[] =>
  site.effects.map(({ invokeId, operation }) => `${invokeId} ${operation.src}`).sort();

t.test(
  'a snapshot of an older chart is taken over, and what it waits for is the newer chart’s',
  async (t) => {
    const folder = embeddedFolder(t);
    const old = await start(folder, chartOf(first, 1));
    const begun = old.runtime.begin(lamp, {}, cause, null);
    await old.until(() => old.runtime.cell(lamp)?.committed != null);
    await begun;
    const lit = old.runtime.ask(lamp, { type: 'lamp.light' }, cause, 'command');
    await old.until(() => old.effects.length === 3);
    await lit;
    const before = old.runtime.cell(lamp)!.committed!.record;
    await old.stop();

    const site = await start(folder, chartOf(second, 2, { 1: toSecond }), true);
    t.same(site.effects, [], 'nothing starts before the migrated snapshot is durable');
    t.same(site.runtime.cell(lamp)?.committed?.paths, ['igniting'], 'readers see it on the new chart');
    site.release();
    await site.until(() => site.effects.length === 3);
    const after = site.runtime.cell(lamp)!.committed!.record;
    t.match(after, { chartVersion: 2, revision: 3, value: 'igniting', context: { lumens: 780 } });
    t.same(Object.keys(after.operations).sort(), ['light', 'lighting.deadline', 'watch']);
    t.same(
      after.operations['light'],
      before.operations['light'],
      'what goes on keeps its id, start and input',
    );
    t.match(after.operations['watch'], {
      src: 'watchLamp',
      input: { lumens: 780 },
      revision: 3,
      requestId: 'req-1',
    });
    t.not(
      after.operations['lighting.deadline']?.opId,
      before.operations['lighting.deadline']?.opId,
      'another effect is another operation',
    );
    t.same(
      sources(site),
      ['light lightLamp', 'lighting.deadline watchLamp', 'watch watchLamp'],
      'each started once',
    );
    t.match((await site.store.journal(lamp, { after: 2, limit: 9 }))[0], {
      event: { type: 'actor.restored' },
      chartVersion: 2,
      patch: { lumens: 780 },
      started: [{ id: 'watch' }, { id: 'lighting.deadline' }],
      ended: ['warm', 'lighting.deadline'],
    });
    await site.stop();

    const again = await start(folder, chartOf(second, 2, { 1: toSecond }));
    await again.until(() => again.effects.length === 3);
    t.same(again.runtime.cell(lamp)!.committed!.record, after, 'the next start finds it as it is');
    again.effects.find(({ invokeId }) => invokeId === 'watch')!.done(null);
    await again.until(() => again.runtime.cell(lamp)!.committed!.paths[0] === 'bright');
    t.match(again.runtime.cell(lamp)!.committed!.record, { operations: {}, context: { lumens: 1 } });
    await again.stop();
  },
);

t.test('a migration whose commit is refused is made again', async (t) => {
  const folder = embeddedFolder(t);
  const old = await start(folder, chartOf(first, 1));
  const begun = old.runtime.begin(lamp, {}, cause, null);
  await old.until(() => old.runtime.cell(lamp)?.committed != null);
  await begun;
  await old.stop();
  const environment = createTestEnvironment();
  const real = folder.open(environment);
  let refusals = 2;
  const store: Store = {
    ...real,
    commit: async (writes, acknowledged) => {
      if (writes.length === 0 || refusals-- <= 0) return real.commit(writes, acknowledged);
      return writes.map(() => ({
        kind: 'refused',
        cause: 'full',
        storedEpoch: 0,
        storedRevision: 0,
        reason: 'no room',
      }));
    },
  };
  const world = await store.open(owner, 0);
  const decider = createDecider(chartOf(second, 2, { 1: toSecond }));
  const deciders = perKind(() => decider);
  const runtime = createRuntime({
    environment, store, deciders, effects: {}, world: () => world, published: () => {}, fenced: () => {}, born: () => {}, died: () => {},
    documents: actorDocuments(() => createSpecs({ seal: (text) => text, open: (text) => text })),
    isUnreadable: () => false,
  }); // prettier-ignore
  const specs = createSpecs({ seal: (text) => text, open: (text) => text });
  const { migrated } = await boot(environment, store, runtime, specs, deciders);
  t.same(migrated, [lamp]);
  runtime.deliver(lamp, { event: { type: 'actor.restored' }, cause, source: { kind: 'fact' } });
  while (runtime.cell(lamp)!.committed!.record.chartVersion !== 2) {
    await environment.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.match(await store.read(lamp), { record: { chartVersion: 2, context: { lumens: 780 } } });
  await store.close();
});

/** Records as an older or newer release wrote them. */
async function fill(folder: EmbeddedFolder, writes: (epoch: number) => readonly TurnWrite[]): Promise<void> {
  const store = folder.open(createTestEnvironment());
  const { epoch } = await store.open(owner, 0);
  await store.commit(writes(epoch), []);
  await store.close();
}

/** The container chart's, and that of a release after ours. */
const now = charts.container.version;
const next = now + 1;

const created = createDecider(charts.container).initial({ ...containerInput, candidates: [] }).snapshot;
const stopped = (address: Address, epoch: number, changes: Parameters<typeof turn>[3] = {}): TurnWrite =>
  turn(address, 1, epoch, {
    ...changes,
    record: {
      value: 'stopped',
      context: { ...(created.context as object), reservationHeld: false },
      ...changes.record,
    },
  });

t.test(
  'what can’t be placed on our chart is quarantined, listed and not said to be gone; its siblings live',
  async (t) => {
    const folder = embeddedFolder(t);
    const ids = ['newer', 'elsewhere', 'unmigrated', 'waiting', 'specless', 'fine'] as const;
    const uuid = (name: string): string =>
      `00000000-0000-4000-8000-${Buffer.from(name.padEnd(6, '-').slice(0, 6)).toString('hex')}`;
    const at = (name: (typeof ids)[number]): Address => containerAddress('p1', uuid(name));
    await fill(folder, (epoch) => [
      stopped(at('newer'), epoch, { record: { chartVersion: next + 1 } }),
      stopped(at('elsewhere'), epoch, { record: { chartVersion: next, value: 'teleporting' } }),
      stopped(at('unmigrated'), epoch, { record: { chartVersion: now } }),
      stopped(at('waiting'), epoch, { record: { chartVersion: next, value: 'starting' } }),
      stopped(at('specless'), epoch, { record: { chartVersion: next, generation: 1 } }),
      stopped(at('fine'), epoch, {
        record: { chartVersion: next, generation: 1 },
        document: {
          generation: 1,
          body: JSON.stringify({ spec: { name: 'fine', labels: {} }, environment: '{}', digest: 'd' }),
        },
      }),
    ]);
    const store = folder.open(createTestEnvironment());
    const { controlPlane, until, stop } = await startActors(store, {
      charts: { ...charts, container: { ...charts.container, version: next } },
    });
    const reasons: Readonly<Record<string, RegExp>> = {
      newer: new RegExp(`written by chart version ${next + 1}; this release has ${next}`),
      elsewhere: /teleporting/,
      unmigrated: new RegExp(`No migration leads from chart version ${now}`),
      waiting: /Its state waits for \[.+\] but \[\] are stored/,
      specless: /document of generation 1 is missing/,
    };
    t.equal(controlPlane.quarantined().length, 5);
    for (const [name, reason] of Object.entries(reasons)) {
      const address = at(name as 'newer');
      t.match(
        controlPlane.quarantined().find((each) => each.address === address),
        { reason },
        name,
      );
      t.match(
        (await controlPlane.audit()).find((each) => each.address === address),
        { problem: 'quarantined', detail: reason },
      );
      t.throws(
        () => controlPlane.container('p1', uuid(name)),
        { code: 'QUARANTINED', message: reason },
        'it is not said to be gone',
      );
      t.throws(
        () => controlPlane.container('p2', uuid(name)),
        { code: 'CONTAINER_NOT_FOUND' },
        'nor shown to others',
      );
    }
    t.match(controlPlane.readiness(), { ready: true });
    t.match(controlPlane.container('p1', uuid('fine')), { status: 'Stopped' });
    let answer: unknown;
    const caller = { userId: 'u', projectId: 'p1', requestId: 'req-2' };
    void controlPlane
      .command(at('fine'), { type: 'container.delete', mode: 'force', graceMs: 0 }, caller)
      .then((given) => (answer = given));
    await until(() => answer !== undefined);
    t.match(answer, { answer: 'accepted' });
    await stop();
  },
);

t.test(
  'a release that can’t read more than one actor in a hundred does not start, and says which',
  async (t) => {
    const many = 1_500;
    for (const [unreadable, starts] of [
      [15, true],
      [16, false],
    ] as const) {
      const folder = embeddedFolder(t);
      await fill(folder, (epoch) =>
        Array.from({ length: many }, (_, index) =>
          stopped(containerAddress('p1', `c${index}`), epoch, {
            record: { chartVersion: index < unreadable ? 9 : now },
          }),
        ),
      );
      const environment = createTestEnvironment();
      const store = folder.open(environment);
      if (starts) {
        const { controlPlane, stop } = await startActors(store, { environment });
        t.equal(controlPlane.quarantined().length, unreadable);
        await stop();
      } else {
        await t.rejects(startActors(store, { environment }), {
          code: 'INVALID_CONFIG',
          message:
            /16 of 1500 actors can't be read by this release.*container\/p1\/c\d+ \(It was written by chart version 9/,
        });
        const named = environment.logged.filter(({ message }) => message === 'actor quarantined at start');
        t.equal(named.length, unreadable, 'the log names all');
        await store.close();
      }
    }
  },
);

t.test('charts that were run here are served by their version', async (t) => {
  const folder = embeddedFolder(t);
  const run = async (
    chart: Chart,
    look: (controlPlane: Awaited<ReturnType<typeof startActors>>['controlPlane']) => Promise<void>,
  ) => {
    const { controlPlane, stop } = await startActors(folder.open(createTestEnvironment()), {
      charts: { ...charts, container: chart },
    });
    await look(controlPlane);
    await stop();
  };
  await run(charts.container, async (controlPlane) => {
    t.match(await controlPlane.chart('container', null), { version: now });
  });
  const newer: Chart = {
    ...charts.container,
    version: next,
    machine: createMachine({ id: 'container', initial: 'only', states: { only: {} } }),
    migrations: { ...charts.container.migrations, [now]: (envelope) => envelope },
  };
  await run(newer, async (controlPlane) => {
    t.match(await controlPlane.chart('container', null), {
      version: next,
      definition: { states: { only: {} } },
    });
    const old = await controlPlane.chart('container', now);
    t.same(
      old.definition,
      JSON.parse(JSON.stringify(definitionOf(charts.container.machine))),
      'the old one, whole',
    );
    await t.rejects(controlPlane.chart('container', next + 1), { code: 'NOT_FOUND' });
  });
});

t.test('a store that holds a host of an older chart asks it to look at its state anew', async (t: Test) => {
  const folder = embeddedFolder(t);
  const { snapshot } = createDecider(charts.host).initial({
    id: 'h1',
    hostname: 'one',
    policy: {
      availabilityZone: 'nova',
      ratios: { cpu: 1, memory: 1, disk: 1 },
      reserved: { cpu: 0, memory: 0, disk: 0 },
      warmMemoryMib: 0,
    },
    suspectMs: 0,
    lostMs: 8_000,
    syncMs: 30_000,
  });
  const address = hostAddress('h1');
  await fill(folder, (epoch) => [
    turn(address, 1, epoch, { record: { value: snapshot.value, context: snapshot.context } }),
  ]);
  const { controlPlane, until, stop } = await startActors(folder.open(createTestEnvironment()), {
    charts: { ...charts, host: { ...charts.host, version: 2, migrations: { 1: (envelope) => envelope } } },
  });
  await until(() => controlPlane.runtime.cell(address)?.committed?.record.chartVersion === 2);
  t.match(await controlPlane.history(address, { after: 1, limit: 1 }), [
    { event: { type: 'actor.restored' }, cause: { kind: 'runtime', reason: 'migrated' }, chartVersion: 2 },
  ]);
  await stop();
});

t.test('a container of version 1 goes on without a start that waits', async (t) => {
  const { startQueued, ...old } = created.context as Record<string, unknown>;
  t.equal(startQueued, false);
  const migrated = charts.container.migrations[1]!({ value: 'stopped', context: old, chartVersion: 1 });
  t.same(migrated.context, created.context);
});
