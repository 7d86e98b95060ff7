/** A world out of the embedded store, and into it. */
import { shardOf, type Shard } from '../../model/address.ts';
import type { StreamRecord } from '../../model/journal.ts';
import { notEmpty, takenMeanwhile, unreadable } from './copy-errors.ts';
import {
  actorText,
  journalKey,
  journalText,
  numberKey,
  splitJournal,
  under,
  type Tables,
} from './embedded-tables.ts';
import { sealText, unsealText } from './record.ts';
import type { DumpItem, Store, World } from './store.ts';

const pageSize = 1_000;

export async function* dumpEmbedded(store: Store, tables: Tables, world: World): AsyncIterable<DumpItem> {
  const { indexes, documents, journal, stream } = tables;
  yield { kind: 'world', world };
  const names = new Map<string, string[]>();
  for (const key of indexes.getKeys({})) {
    const [, name, member] = key as string[];
    names.set(member!, [...(names.get(member!) ?? []), name!]);
  }
  for await (const actor of store.scan()) {
    if ('error' in actor) throw unreadable(actor.address, actor.error);
    const { address } = actor.record;
    yield {
      kind: 'actor',
      actor,
      documents: [...documents.getRange(under(address))].map(({ key, value }) => ({
        generation: Number((key as string[])[1]),
        body: bodyOf(address, value),
      })),
      journal: [...journal.getRange(under(address))].map(({ value }) => splitJournal(value).record),
      indexes: names.get(address) ?? [],
    };
  }
  for (const shard of await store.shards()) {
    const position = await store.position(shard);
    let after = 0;
    for (;;) {
      const range = { ...under(shard), start: [shard, numberKey(after + 1)], limit: pageSize };
      const entries = [...stream.getRange(range)].map(({ key, value }) => ({
        position: Number((key as string[])[1]),
        record: JSON.parse(value) as StreamRecord,
      }));
      yield { kind: 'stream', shard, entries, position };
      if (entries.length < pageSize) break;
      after = entries.at(-1)!.position;
    }
  }
  for (const [key, value] of Object.entries(await store.settings(''))) yield { kind: 'setting', key, value };
  if (!(await store.isOwner())) throw takenMeanwhile();
}

function bodyOf(address: string, stored: string): string {
  try {
    return unsealText(stored);
  } catch (error) {
    throw unreadable(address, `Its spec can't be read: ${(error as Error).message}`);
  }
}

/** @param now epoch ms; stands as the age of inbox marks @throws TroupeError INVALID_CONFIG when it is not empty */
export async function loadEmbedded(
  items: AsyncIterable<DumpItem>,
  store: Store,
  tables: Tables,
  directory: string,
  now: number,
): Promise<void> {
  if (!(await store.isEmpty())) throw notEmpty(`The store in "${directory}"`, 'an empty directory');
  let world: World | null = null;
  const transact = async (work: () => void): Promise<void> => {
    tables.root.transactionSync(work);
    await tables.root.flushed;
  };
  await transact(() => void tables.meta.putSync('copying', JSON.stringify({ since: now })));
  for await (const item of items) {
    if (item.kind === 'world') world = item.world;
    else await transact(() => take(tables, item, now));
  }
  // Last, and with the mark in one: half a copy is no world.
  await transact(() => {
    if (world) tables.meta.putSync('world', JSON.stringify(world));
    tables.meta.removeSync('copying');
  });
}

function take(tables: Tables, item: Exclude<DumpItem, { kind: 'world' }>, now: number): void {
  const { actors, outbox, inbox, documents, journal, indexes, stream, positions, settings } = tables;
  if (item.kind === 'setting') {
    settings.putSync(item.key, item.value);
  } else if (item.kind === 'stream') {
    for (const { position, record } of item.entries)
      stream.putSync([item.shard, numberKey(position)], JSON.stringify(record));
    positions.putSync(item.shard, String(item.position));
  } else {
    const { record } = item.actor;
    const { address } = record;
    const shard: Shard = shardOf(address);
    actors.putSync(address, actorText(record));
    for (const message of item.actor.outbox)
      outbox.putSync([address, message.to, numberKey(message.sequence)], sealText(JSON.stringify(message)));
    for (const mark of item.actor.inbox)
      inbox.putSync([address, mark.from], sealText(JSON.stringify({ at: now, ...mark })));
    for (const { generation, body } of item.documents)
      documents.putSync(journalKey(address, generation), sealText(body));
    for (const each of item.journal)
      journal.putSync(journalKey(address, each.revision), journalText(each, null));
    for (const name of item.indexes) indexes.putSync([shard, name, address], '1');
  }
}
