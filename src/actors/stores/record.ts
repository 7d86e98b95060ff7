/**
 * How what decides an actor's life rests in both stores: as JSON behind its
 * checksum, so that a bit that turned over on a disk is told, never believed.
 */
import { crc32 } from 'node:zlib';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type {
  ActorRecord,
  InboxMark,
  Outcome,
  OutboxMessage,
  StoredActor,
  UnreadableActor,
} from './store.ts';

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');
const checksumLength = 8;

/** The text to store: eight hexadecimal digits of CRC-32, then `text`. */
export const sealText = (text: string): string => `${checksum(text)}${text}`;

/** The other way. @throws Error when it is not the text that was stored */
export function unsealText(stored: string): string {
  const text = stored.slice(checksumLength);
  if (checksum(text) !== stored.slice(0, checksumLength)) throw new Error('It was altered where it rested');
  return text;
}

const count = Type.Integer({ minimum: 0 });
const text = Type.String({ minLength: 1 });
const optional = Type.Union([text, Type.Null()]);

const operation = Type.Object({
  opId: text,
  src: text,
  input: Type.Unknown(),
  attempt: count,
  startedAt: Type.Number(),
  revision: count,
  requestId: optional,
});

/** Nothing more than this: a field nobody here knows was written by another release, or by accident. */
const shape = Compile(
  Type.Object(
    {
      address: text,
      revision: count,
      turnId: text,
      epoch: count,
      chartVersion: count,
      value: Type.Union([text, Type.Object({})]),
      context: Type.Object({}),
      operations: Type.Record(Type.String(), operation),
      attempts: Type.Record(Type.String(), count),
      sequence: count,
      createdAt: Type.Number(),
      since: Type.Number(),
      updatedAt: Type.Number(),
      endedAt: Type.Union([Type.Number(), Type.Null()]),
      generation: count,
    },
    { additionalProperties: false },
  ),
);

/** The record of `address`, or why it can't be read. */
export function parseRecord(address: string, stored: string): ActorRecord | UnreadableActor {
  try {
    const record = JSON.parse(unsealText(stored)) as unknown;
    if (!shape.Check(record)) {
      const [wrong] = shape.Errors(record);
      return {
        address,
        error: `Its record is not what this release writes: ${wrong?.instancePath ?? ''} ${wrong?.message ?? ''}`,
      };
    }
    if (record.address !== address) return { address, error: `Its record is that of "${record.address}"` };
    return record as ActorRecord;
  } catch (error) {
    return { address, error: `Its record can't be read: ${(error as Error).message}` };
  }
}

/** What stands beside a record, for commits to look at. */
export interface RecordHead {
  readonly revision: number;
  readonly turnId: string;
}

/** An actor from its stored texts, or why it can't be read. */
export function parseActor(
  address: string,
  head: RecordHead | null,
  stored: string,
  outbox: readonly string[],
  inbox: readonly string[],
): StoredActor | UnreadableActor {
  const record = parseRecord(address, stored);
  if ('error' in record) return record;
  if (record.revision !== head?.revision || record.turnId !== head.turnId)
    return {
      address,
      error: `Its record is of revision ${record.revision}, and another is said to be stored`,
    };
  try {
    const messages = outbox.map((text) => JSON.parse(unsealText(text)) as OutboxMessage);
    return {
      record,
      outbox: messages.sort((a, b) => a.sequence - b.sequence),
      inbox: inbox.map((text) => JSON.parse(unsealText(text)) as InboxMark),
    };
  } catch (error) {
    return { address, error: `Its messages can't be read: ${(error as Error).message}` };
  }
}

export const refusal = (
  cause: Extract<Outcome, { kind: 'refused' }>['cause'],
  storedEpoch: number,
  storedRevision: number,
  reason: string,
): Outcome => ({ kind: 'refused', cause, storedEpoch, storedRevision, reason });
