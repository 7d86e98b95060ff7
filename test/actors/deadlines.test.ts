/**
 * Every deadline of every chart, as it is restored: it fires at its original
 * time, at once when that has passed, and never later than its length after a
 * start, however the clock was set (DESIGN rule 3).
 */
import t, { type Test } from 'tap';
import { createDecider, type Decider } from '../../src/actors/decide.ts';
import { restore } from '../../src/actors/boot.ts';
import { deadlineEffect } from '../../src/actors/effects/deadline.ts';
import type { Effect } from '../../src/actors/effects/effect.ts';
import { actorDocuments } from '../../src/actors/documents.ts';
import { createSpecs } from '../../src/actors/specs.ts';
import { createRuntime } from '../../src/actors/runtime.ts';
import { parseRecord, sealText } from '../../src/actors/stores/record.ts';
import type { ActorRecord, Store } from '../../src/actors/stores/store.ts';
import { charts } from '../../src/machines/catalogue.ts';
import {
  capsuleAddress,
  containerAddress,
  hostAddress,
  ownedAddress,
  tenantAddress,
  type Address,
  perKind,
} from '../../src/model/address.ts';
import type { Operation, StreamRecord } from '../../src/model/journal.ts';
import { capsuleSubject } from '../machines/capsule-space.ts';
import { containerSubject } from '../machines/container-space.ts';
import { hostSubject } from '../machines/host-space.ts';
import { explore, invokesOf, nodesOf, type Configuration, type ProofSubject } from '../machines/proofs.ts';
import { imageSubject } from '../machines/image-space.ts';
import { networkSubject } from '../machines/network-space.ts';
import { poolSubject } from '../machines/pool-space.ts';
import { registrySubject } from '../machines/registry-space.ts';
import { sandboxSubject } from '../machines/sandbox-space.ts';
import { tenantSubject } from '../machines/tenant-space.ts';
import { volumeSubject } from '../machines/volume-space.ts';
import { createScriptedStore } from '../support/scripted-store.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

// Explores each chart, until every deadline was met.
t.setTimeout(300_000);

const began = Date.UTC(2026, 0, 1);
/** Configurations in which each deadline is tried, at most. */
const configurationsEach = 4;

/** The actor as it is stored while it waits, and read again. */
function storedRecord(decider: Decider, address: Address, { snapshot }: Configuration): ActorRecord {
  const operations = Object.fromEntries(
    decider
      .pending(snapshot)
      .map(({ id, src, input }): [string, Operation] => [
        id,
        { opId: `op-${id}`, src, input, attempt: 1, startedAt: began, revision: 1, requestId: null },
      ]),
  );
  const record: ActorRecord = {
    address,
    revision: 1,
    turnId: 'turn-1',
    epoch: 1,
    chartVersion: decider.chart.version,
    value: snapshot.value,
    context: snapshot.context,
    operations,
    attempts: {},
    sequence: 0,
    createdAt: began,
    since: began,
    updatedAt: began,
    endedAt: null,
    generation: 0,
  };
  const read = parseRecord(address, sealText(JSON.stringify(record)));
  if ('error' in read) throw new Error(read.error);
  return read;
}

/**
 * Restores `record` at `now` and gives the milliseconds until the deadline
 * `invokeId` has moved the actor; null when it did not within `ms`. Nothing else moves it.
 */
async function firesAfter(
  decider: Decider,
  record: ActorRecord,
  invokeId: string,
  now: number,
  ms: number,
): Promise<number | null> {
  const environment = createTestEnvironment(now);
  const store = createScriptedStore();
  const moved: { event: string; at: number }[] = [];
  const real = deadlineEffect(environment);
  const silent: Effect = () => () => {};
  const sources = new Set(Object.values(record.operations).map(({ src }) => src));
  const effects: Record<string, Effect> = Object.fromEntries([...sources].map((src) => [src, silent]));
  effects['deadline'] = (run) => (run.invokeId === invokeId ? real(run) : silent(run));
  const runtime = createRuntime({
    environment,
    store: store as unknown as Store,
    deciders: perKind(() => decider),
    effects,
    world: () => ({ worldId: 'w', epoch: 1 }),
    published: ({ event }: StreamRecord) => void moved.push({ event, at: environment.monotonic() }),
    fenced: () => {},
    born: () => {},
    died: () => {},
    documents: actorDocuments(() => createSpecs({ seal: (text) => text, open: (text) => text })),
    isUnreadable: () => false,
  });
  // The store has it too, so that the next revision follows.
  store.turns.set(record.address, [{ record } as never]);
  runtime.adopt(restore(decider, record), []);
  runtime.resume(new Map(), []);
  await environment.advance(ms);
  const found = moved.find(({ event }) => event === `xstate.done.actor.${invokeId}`);
  return found?.at ?? null;
}

const subjects: readonly [string, ProofSubject, Address][] = [
  ['container', containerSubject, containerAddress('p1', 'one')],
  ['capsule', capsuleSubject, capsuleAddress('p1', 'one')],
  ['host', hostSubject, hostAddress('h1')],
  ['tenant', tenantSubject, tenantAddress('p1')],
  ...(
    [
      ['sandbox', sandboxSubject],
      ['pool', poolSubject],
      ['network', networkSubject],
      ['volume', volumeSubject],
      ['image', imageSubject],
      ['registry', registrySubject],
    ] as const
  ).map(([kind, subject]): [string, ProofSubject, Address] => [
    kind,
    subject,
    ownedAddress(kind, 'p1', 'one'),
  ]),
];

t.same(
  subjects.map(([kind]) => kind),
  Object.keys(charts),
  'every chart is here',
);

async function proveDeadline(
  t: Test,
  decider: Decider,
  address: Address,
  invokeId: string,
  configuration: Configuration,
): Promise<void> {
  const record = storedRecord(decider, address, configuration);
  const { ms } = record.operations[invokeId]!.input as { ms: number };
  t.ok(Number.isFinite(ms) && ms >= 0, `${invokeId}: ${ms} ms`);
  const early = Math.floor(ms / 3);
  const left = ms - early;
  const where = `${invokeId} in ${configuration.paths.join()}`;
  if (left > 0)
    t.equal(
      await firesAfter(decider, record, invokeId, began + early, left - 1),
      null,
      `${where}: not before`,
    );
  t.equal(await firesAfter(decider, record, invokeId, began + early, left), left, `${where}: at its time`);
  t.equal(
    await firesAfter(decider, record, invokeId, began + ms + 3_600_000, 0),
    0,
    `${where}: at once when it has passed`,
  );
  t.equal(
    await firesAfter(decider, record, invokeId, began - 86_400_000, ms),
    ms,
    `${where}: a clock set back lengthens no wait`,
  );
}

for (const [name, subject, address] of subjects) {
  t.test(`the deadlines of the ${name} chart`, async (t) => {
    const decider = createDecider(subject.chart);
    const declared = nodesOf(subject.chart.machine.root).flatMap(({ invoke }) =>
      invoke.filter(({ src }) => String(src) === 'deadline').map(({ id }) => id),
    );
    const waiting = new Map<string, Configuration[]>();
    explore(subject, (configuration) => {
      for (const { id, src } of invokesOf(configuration.snapshot)) {
        if (src !== 'deadline') continue;
        const known = waiting.get(id) ?? [];
        if (known.length < configurationsEach) waiting.set(id, [...known, configuration]);
      }
      return waiting.size === new Set(declared).size;
    });
    t.same([...waiting.keys()].sort(), declared.sort(), 'every one is reached');
    t.comment(`${declared.length} deadlines`);
    for (const [invokeId, found] of waiting)
      for (const configuration of found) await proveDeadline(t, decider, address, invokeId, configuration);
  });
}
