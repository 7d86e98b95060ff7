/** The agent's state in an LMDB file, 0600, since it holds the host's credential. */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { AgentMemory, AgentState, Identity, Lane, OutboxEntry } from './state.ts';

const outboxPrefix = 'outbox/';
const outboxKey = (sequence: number): string => `${outboxPrefix}${String(sequence).padStart(16, '0')}`;
const behind = '\u{10ffff}';

export async function openLmdbState(directory: string): Promise<AgentState> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = join(directory, 'agent');
  const db = open<string, string>({ path, encoding: 'string' });
  await chmod(path, 0o700);
  for (const file of await readdir(path)) await chmod(join(path, file), 0o600);
  const range = (prefix: string): readonly string[] =>
    Array.from(db.getRange({ start: prefix, end: `${prefix}${behind}` }), ({ value }) => value);
  return {
    async read(): Promise<AgentMemory> {
      const identity = db.get('identity');
      return {
        identity: identity === undefined ? null : (JSON.parse(identity) as Identity),
        epoch: Number(db.get('epoch') ?? 0),
        sequence: Number(db.get('sequence') ?? 0),
        lanes: range('lane/').map((value) => JSON.parse(value) as Lane),
        outbox: range(outboxPrefix).map((value) => JSON.parse(value) as OutboxEntry),
      };
    },
    async write(changes) {
      await db.transaction(() => {
        if (changes.identity) db.putSync('identity', JSON.stringify(changes.identity));
        if (changes.epoch !== undefined) db.putSync('epoch', String(changes.epoch));
        if (changes.lane) db.putSync(`lane/${changes.lane.containerId}`, JSON.stringify(changes.lane));
        if (changes.removeLane !== undefined) db.removeSync(`lane/${changes.removeLane}`);
        if (changes.told) {
          db.putSync(outboxKey(changes.told.sequence), JSON.stringify(changes.told));
          db.putSync('sequence', String(changes.told.sequence));
        }
        if (changes.acknowledged !== undefined) {
          const end = outboxKey(changes.acknowledged + 1);
          const acknowledged = Array.from(db.getKeys({ start: outboxPrefix, end }));
          for (const key of acknowledged) db.removeSync(key);
        }
      });
      // A transaction resolves before it survives a power cut.
      await db.flushed;
    },
    close: () => db.close(),
  };
}
