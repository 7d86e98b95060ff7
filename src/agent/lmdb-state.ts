/** The agent's state in an LMDB file, 0600, since it holds the host's credential. */
import { chmod, mkdir } from 'node:fs/promises';
import { open } from 'lmdb';
import type { AgentMemory, AgentState, Identity, Lane, OutboxEntry } from './state.ts';

const sequenceKey = (sequence: number): string => `outbox/${String(sequence).padStart(16, '0')}`;
const behind = '\u{10ffff}';

export async function openLmdbState(directory: string): Promise<AgentState> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = `${directory}/agent`;
  const db = open<string, string>({ path, encoding: 'string' });
  const range = (prefix: string): readonly { key: string; value: string }[] =>
    Array.from(db.getRange({ start: prefix, end: `${prefix}${behind}` }), ({ key, value }) => ({
      key,
      value,
    }));
  return {
    async read(): Promise<AgentMemory> {
      const identity = db.get('identity');
      return {
        identity: identity === undefined ? null : (JSON.parse(identity) as Identity),
        epoch: Number(db.get('epoch') ?? 0),
        sequence: Number(db.get('sequence') ?? 0),
        lanes: range('lane/').map(({ value }) => JSON.parse(value) as Lane),
        outbox: range('outbox/').map(({ value }) => JSON.parse(value) as OutboxEntry),
      };
    },
    async write(changes) {
      await db.transaction(() => {
        if (changes.identity) db.putSync('identity', JSON.stringify(changes.identity));
        if (changes.epoch !== undefined) db.putSync('epoch', String(changes.epoch));
        if (changes.lane) db.putSync(`lane/${changes.lane.containerId}`, JSON.stringify(changes.lane));
        if (changes.removeLane !== undefined) db.removeSync(`lane/${changes.removeLane}`);
        if (changes.told) {
          db.putSync(sequenceKey(changes.told.sequence), JSON.stringify(changes.told));
          db.putSync('sequence', String(changes.told.sequence));
        }
        if (changes.acknowledged !== undefined) {
          const end = `${sequenceKey(changes.acknowledged)}${behind}`;
          for (const { key } of db.getRange({ start: 'outbox/', end })) db.removeSync(key);
        }
      });
      await db.flushed;
    },
    close: () => db.close(),
  };
}
