/**
 * From the store to living actors. Restoring starts nothing twice and touches
 * no container: effects wait for their host's link, messages for their receiver.
 *
 * B1. What can't be read or placed on its chart is quarantined and shown, with
 *     its spec where that can be read; it never stops the process.
 * B2. A release that can't read a large share of the actors refuses to start,
 *     rather than quarantine a cloud.
 */
import { TroupeError } from '../errors/errors.ts';
import { parseAddress, type ActorKind, type Address, type Shard } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Decider } from './decide.ts';
import { migrate } from './migrate.ts';
import type { Runtime } from './runtime.ts';
import type { Specs } from './specs.ts';
import {
  mayBeLostMs,
  type ActorRecord,
  type OutboxMessage,
  type Store,
  type StoredActor,
} from './stores/store.ts';
import type { ActorState } from './turn.ts';
import type { Unreadable } from './unreadable.ts';

/** More unreadable actors than both of these: refuse to start. */
const unreadableShare = 0.01;
const unreadableCount = 10;
/** Of a container whose record says nothing. */
const firstGeneration = 1;

export interface BootResult {
  readonly actors: number;
  readonly unreadable: readonly Unreadable[];
  readonly outboxes: readonly {
    readonly from: Address;
    readonly revision: number;
    readonly messages: readonly OutboxMessage[];
  }[];
  readonly positions: ReadonlyMap<Shard, number>;
  /** Actors whose snapshot an older chart had written: their first turn takes them over durably, see `restore`. */
  readonly migrated: readonly Address[];
  /** An actor that has ended took this message before it did: only its acknowledgement was lost. */
  readonly wasHandled: (from: Address, message: OutboxMessage) => boolean;
}

/** @throws TroupeError INVALID_CONFIG when too many actors are unreadable (B2), listing some */
export async function boot(
  environment: Environment,
  store: Store,
  runtime: Runtime,
  documents: Pick<Specs, 'load' | 'find'>,
  deciders: Readonly<Record<ActorKind, Decider>>,
): Promise<BootResult> {
  const unreadable: Unreadable[] = [];
  const outboxes: BootResult['outboxes'][number][] = [];
  const migrated: Address[] = [];
  /** Of actors that have ended: the last message of each sender that they took. */
  const handled = new Map<string, number>();
  let actors = 0;

  const loadDocument = async (address: Address, generation: number): Promise<void> => {
    const document = await store.document(address, generation);
    if (document === null) throw new Error(`Its document of generation ${generation} is missing`);
    documents.load(address, generation, document);
  };

  const giveUp = async (address: string, reason: string, record: ActorRecord | null): Promise<void> => {
    let createdAt = record?.createdAt ?? 0;
    try {
      const { kind } = parseAddress(address);
      const mine = address as Address;
      if (!record) [{ at: createdAt } = { at: 0 }] = await store.journal(mine, { after: 0, limit: 1 });
      if ((kind === 'container' || kind === 'capsule') && !documents.find(mine))
        await loadDocument(mine, record?.generation || firstGeneration);
    } catch (error) {
      environment.log.warn({ actor: address, err: error }, 'nor can its spec or its history be read');
    }
    unreadable.push({ address, reason, record, createdAt });
  };

  const take = async (stored: StoredActor): Promise<void> => {
    const { record, outbox, inbox } = stored;
    if (outbox.length > 0)
      outboxes.push({ from: record.address, revision: record.revision, messages: outbox });
    const decider = deciders[parseAddress(record.address).kind];
    if (record.endedAt !== null) {
      for (const mark of inbox) handled.set(`${record.address} ${mark.from}`, mark.sequence);
      const isRecent = record.endedAt > environment.now() - mayBeLostMs;
      return runtime.bury(record, isRecent ? restore(decider, record) : null, inbox);
    }
    if (record.generation > 0) await loadDocument(record.address, record.generation);
    const state = restore(decider, record);
    runtime.adopt(state, inbox);
    if (record.chartVersion !== decider.chart.version) migrated.push(record.address);
  };

  let batch: Promise<void>[] = [];
  for await (const stored of store.scan()) {
    actors += 1;
    if ('error' in stored) {
      batch.push(giveUp(stored.address, stored.error, null));
      continue;
    }
    batch.push(
      take(stored).catch((error: unknown) =>
        giveUp(stored.record.address, error instanceof Error ? error.message : String(error), stored.record),
      ),
    );
    if (batch.length >= 512) {
      await Promise.all(batch);
      batch = [];
    }
  }
  await Promise.all(batch);

  for (const each of unreadable)
    environment.log.error({ actor: each.address, reason: each.reason }, 'actor quarantined at start');
  if (unreadable.length > Math.max(unreadableCount, actors * unreadableShare)) {
    const some = unreadable.slice(0, 5).map(({ address, reason }) => `${address} (${reason})`);
    throw new TroupeError(
      'INVALID_CONFIG',
      `${unreadable.length} of ${actors} actors can't be read by this release, so it won't start; the log names all: ${some.join('; ')}`,
    );
  }
  const positions = new Map<Shard, number>();
  for (const shard of await store.shards()) positions.set(shard, await store.position(shard));
  return {
    actors,
    unreadable,
    outboxes,
    positions,
    migrated,
    wasHandled: (from, { to, sequence }) => sequence <= (handled.get(`${to} ${from}`) ?? 0),
  };
}

/**
 * The state that a stored record stands for on our chart. One of an older
 * chart keeps that version and its operations until its first turn here, which
 * writes the migrated snapshot and starts and ends operations as the newer chart
 * wants them. Throws when the snapshot names a state or an operation that the chart doesn't have.
 */
export function restore(decider: Decider, record: ActorRecord): ActorState {
  const { value, context } = migrate(decider.chart, {
    value: record.value,
    context: record.context,
    chartVersion: record.chartVersion,
  });
  const snapshot = decider.resolve(value, context);
  const expected = [...decider.invokes(snapshot)].sort();
  const stored = Object.keys(record.operations).sort();
  if (record.chartVersion === decider.chart.version && expected.join() !== stored.join()) {
    throw new Error(`Its state waits for [${expected.join(', ')}] but [${stored.join(', ')}] are stored`);
  }
  return {
    record: { ...record, value, context },
    snapshot,
    paths: decider.paths(snapshot),
    projection: decider.project(snapshot),
  };
}
