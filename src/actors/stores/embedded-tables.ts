/**
 * The tables of the embedded store.
 *
 * | table | key | value |
 * | --- | --- | --- |
 * | `meta` | `world`, `owner`, `copying` | JSON |
 * | `actors` | address | revision, turn, end, sealed record |
 * | `journal` | address, revision | turn, position, record |
 * | `stream` | shard, position | record |
 * | `positions` | shard | commit sequence of its stream |
 * | `outbox` | sender, receiver, sequence | sealed message |
 * | `inbox` | receiver, sender | sealed mark |
 * | `documents` | address, generation | sealed document |
 * | `indexes` | shard, name, address | |
 * | `settings` | name | text |
 */
import { asBinary, open, type Database, type RootDatabase } from 'lmdb';
import type { Address } from '../../model/address.ts';
import type { JournalRecord } from '../../model/journal.ts';
import { sealText, type RecordHead } from './record.ts';
import type { ActorRecord } from './store.ts';

export type Table = Database<string, string[] | string>;

export interface Tables {
  readonly root: RootDatabase<string, string>;
  readonly meta: Table;
  readonly actors: Table;
  readonly outbox: Table;
  readonly inbox: Table;
  readonly journal: Table;
  readonly stream: Table;
  readonly positions: Table;
  readonly documents: Table;
  readonly indexes: Table;
  readonly settings: Table;
}

/** @param mapSize bytes of address space LMDB may use; not allocated ahead */
export function openTables(directory: string, mapSize: number): Tables {
  const root = open<string, string>({ path: `${directory}/world`, encoding: 'string', maxDbs: 16, mapSize });
  const table = (name: string): Table => root.openDB<string, string[] | string>({ name, encoding: 'string' });
  return {
    root,
    meta: table('meta'),
    actors: table('actors'),
    outbox: table('outbox'),
    inbox: table('inbox'),
    journal: table('journal'),
    stream: table('stream'),
    positions: table('positions'),
    documents: table('documents'),
    indexes: table('indexes'),
    settings: table('settings'),
  };
}

/** A text of UTF-16 has at most so many bytes of UTF-8 per unit. */
const bytesMost = 3;

/**
 * Puts texts, within a transaction. LMDB copies each before the next comes, so
 * that all are encoded in the same memory.
 */
export function createTextPut(): (table: Table, key: string[] | string, text: string) => void {
  let memory = Buffer.allocUnsafeSlow(64 * 1024);
  return (table, key, text) => {
    if (text.length * bytesMost > memory.length) memory = Buffer.allocUnsafeSlow(2 * text.length * bytesMost);
    const bytes = memory.subarray(0, memory.write(text));
    (table as Database<unknown, string[] | string>).putSync(key, asBinary(bytes));
  };
}

/** LMDB sorts arrays of strings; numbers are padded so that they sort as numbers. */
export const numberKey = (value: number): string => String(value).padStart(16, '0');

/** Everything whose key begins with `parts`. */
export const under = (...parts: string[]): { start: string[]; end: string[] } => ({
  start: parts,
  // Sorts behind every key that begins with the same parts.
  end: [...parts, '\u{10ffff}'],
});

/** What a commit must know of a stored actor, ahead of its record, so that it need not be parsed. */
export interface ActorHead extends RecordHead {
  /** Epoch ms; null while it lives. */
  readonly endedAt: number | null;
}

export const actorText = (record: ActorRecord): string =>
  `${record.revision} ${record.turnId} ${record.endedAt ?? '-'} ${sealText(JSON.stringify(record))}`;

/** The head and the sealed record. What can't be read gives a record that can't either. */
export function splitActor(text: string): { readonly head: ActorHead | null; readonly record: string } {
  const [head = '', revision, turnId = '', endedAt] = /^(\d+) (\S+) (\d+|-) /.exec(text) ?? [];
  const record = text.slice(head.length);
  if (revision === undefined) return { head: null, record };
  return {
    head: { revision: Number(revision), turnId, endedAt: endedAt === '-' ? null : Number(endedAt) },
    record,
  };
}

export const journalText = (record: JournalRecord, position: number | null): string =>
  `${record.turnId} ${position ?? '-'} ${JSON.stringify(record)}`;

export function splitJournal(text: string): {
  readonly turnId: string;
  readonly position: number | null;
  readonly record: JournalRecord;
} {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  const position = text.slice(first + 1, second);
  return {
    turnId: text.slice(0, first),
    position: position === '-' ? null : Number(position),
    get record() {
      return JSON.parse(text.slice(second + 1)) as JournalRecord;
    },
  };
}

export const journalKey = (address: Address, revision: number): string[] => [address, numberKey(revision)];
