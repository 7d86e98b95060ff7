import fc from 'fast-check';
import t from 'tap';
import { createOutbox } from '../../src/agent/outbox.ts';
import type { OutboxEntry } from '../../src/agent/state.ts';
import type { UpRecord } from '../../src/link/protocol.ts';
import { createMemoryAgentDisk } from '../support/memory-agent-state.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const { log, settle } = createTestEnvironment();
const gone = (containerId: string): UpRecord => ({
  kind: 'fact',
  at: 0,
  fact: { type: 'runtime.gone', containerId, tenant: 'p', generation: 1, opId: null },
});
const result = (containerId: string): UpRecord => ({
  kind: 'result',
  subject: 'container',
  at: 0,
  opId: `op-${containerId}`,
  containerId,
  tenant: 'p',
  outcome: { ok: true, output: null },
});
const open = () => {
  const disk = createMemoryAgentDisk();
  return { disk, outbox: createOutbox(log, disk.open(), { sequence: 0, outbox: [] }) };
};

t.test('a result is on disk before it is sent, a fact need not be, and none overtakes another', async (t) => {
  const { disk, outbox } = open();
  const sent: (readonly [sequence: number, isOnDisk: boolean])[] = [];
  void outbox.connect(({ sequence }) => sent.push([sequence, disk.outbox.has(sequence)]));
  const told = [outbox.tell(gone('a')), outbox.tell(result('b')), outbox.tell(gone('c'))];
  t.same(sent, [[1, false]], 'the disk is not waited for');
  await Promise.all(told);
  t.same(
    sent.map(([sequence]) => sequence),
    [1, 2, 3],
  );
  t.equal(sent[1]?.[1], true);
});

t.test('a fact that is acknowledged before it is on disk does not stay there', async (t) => {
  const { disk, outbox } = open();
  void outbox.connect(({ sequence }) => void outbox.acknowledge(sequence));
  await outbox.tell(gone('a'));
  await settle();
  t.equal(disk.outbox.size, 0);
});

t.test('a long absence is told at the pace of who listens, and in order', async (t) => {
  const { disk, outbox } = open();
  for (let count = 0; count < 2_500; count += 1) await outbox.tell(gone(`c${count}`));
  const sent: number[] = [];
  let all = false;
  void outbox.connect(({ sequence }) => sent.push(sequence)).then(() => (all = true));
  t.equal(sent.length, 1_000, 'no more than the window unacknowledged');
  outbox.acknowledge(1);
  t.equal(sent.length, 1_001);
  outbox.acknowledge(1_001);
  await settle();
  t.equal(all, false);
  outbox.acknowledge(2_001);
  await settle();
  t.equal(all, true, 'says when everything older has been sent');
  outbox.acknowledge(2_500);
  await settle();
  t.same(
    sent,
    Array.from({ length: 2_500 }, (_, index) => index + 1),
  );
  t.equal(disk.outbox.size, 0);
});

t.test('while nobody listens the oldest go, on disk too', async (t) => {
  const { disk, outbox } = open();
  for (let count = 0; count < 50_500; count += 1) await outbox.tell(gone('c'));
  await settle();
  t.ok(disk.outbox.size <= 50_000, `${disk.outbox.size} are kept`);
  t.ok(disk.outbox.has(50_500), 'the newest among them');
});

t.test('a full disk silences nobody', async (t) => {
  const { disk, outbox } = open();
  disk.failure = new Error('No space left on device');
  const sent: OutboxEntry[] = [];
  void outbox.connect((entry) => sent.push(entry));
  await outbox.tell(gone('a'));
  t.match(sent, [{ sequence: 1, record: gone('a') }]);
});

t.test(
  'whatever is told, cut, held back and acknowledged: nothing is skipped, nothing sent twice in a connection',
  async (t) => {
    const step = fc.oneof(
      fc.constant('tell' as const),
      fc.constant('cut' as const),
      fc.constant('pause' as const),
      fc.constant('resume' as const),
      fc.constant('acknowledge' as const),
      fc.constant('restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = createMemoryAgentDisk();
        let outbox = createOutbox(log, disk.open(), { sequence: 0, outbox: [] });
        let connection: number[] = [];
        const arrived = new Set<number>();
        let told = 0;
        const connect = (): void => {
          connection = [];
          const mine = connection;
          void outbox.connect(({ sequence }) => {
            mine.push(sequence);
            arrived.add(sequence);
          });
        };
        const check = (): boolean =>
          connection.every((sequence, index) => index === 0 || sequence === connection[index - 1]! + 1);
        connect();
        for (const each of steps) {
          if (each === 'tell') {
            told += 1;
            await outbox.tell(gone(`c${told}`));
          } else if (each === 'cut') {
            outbox.disconnect();
            connect();
          } else if (each === 'acknowledge') {
            outbox.acknowledge(connection[Math.floor(connection.length / 2)] ?? 0);
          } else if (each === 'restart') {
            await settle();
            outbox = createOutbox(log, disk.open(), {
              sequence: disk.sequence,
              outbox: [...disk.outbox.values()],
            });
            connect();
          } else {
            outbox[each]();
          }
          if (!check()) return false;
        }
        outbox.resume();
        return check() && arrived.size === told;
      }),
      { numRuns: 300, seed: 1 },
    );
    t.pass('300 histories');
  },
);
