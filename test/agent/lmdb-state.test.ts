import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openLmdbState } from '../../src/agent/lmdb-state.ts';
import type { AgentChanges, AgentMemory } from '../../src/agent/state.ts';

const lane = (containerId: string, opId: string) => ({
  containerId,
  tenant: 'p1',
  generation: 1,
  slots: { runtime: { opId, kind: 'startContainer', epoch: 1, revision: 3, outcome: null } } as const,
  desired: null,
});
const told = (sequence: number) =>
  ({
    sequence,
    record: {
      kind: 'fact',
      at: 0,
      fact: { type: 'runtime.gone', containerId: 'c', tenant: 'p', generation: 1, opId: null },
    },
  }) as const;

t.test('what was written is read by the next, and nothing else', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const identity = { hostId: 'h', credential: 'secret', worldId: 'w' };
  const changes: AgentChanges[] = [
    { identity },
    { epoch: 4 },
    { lane: lane('c1', 'a') },
    { lane: lane('c2', 'b') },
    // Eleven, so that an order by text would show.
    ...Array.from({ length: 11 }, (_, index) => ({ told: told(index + 1) })),
    { lane: lane('c1', 'c'), told: told(12) },
    { removeLane: 'c2' },
    { acknowledged: 9 },
  ];
  const first = await openLmdbState(directory);
  await Promise.all(changes.map((each) => first.write(each)));
  await first.close();
  const second = await openLmdbState(directory);
  const memory: AgentMemory = await second.read();
  t.same(memory, {
    identity,
    epoch: 4,
    sequence: 12,
    lanes: [lane('c1', 'c')],
    outbox: [told(10), told(11), told(12)],
  });
  await second.close();
});

t.test('nobody else on the machine can read it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const state = await openLmdbState(directory);
  await state.write({ identity: { hostId: 'h', credential: 'secret', worldId: 'w' } });
  const permissions = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
  t.equal(await permissions(directory), '700');
  const files = await readdir(join(directory, 'agent'));
  t.ok(files.length > 0);
  for (const file of files) t.equal(await permissions(join(directory, 'agent', file)), '600', file);
  await state.close();
});
