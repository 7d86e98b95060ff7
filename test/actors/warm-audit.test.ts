import t from 'tap';
import type { Cell } from '../../src/actors/cell.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import { auditWarm } from '../../src/actors/warm-audit.ts';
import { fingerprint, hostInput } from '../machines/host-space.ts';

const cell = (address: string, context: object, paths: readonly string[]): Cell =>
  ({ address, committed: { paths, record: { context } } }) as unknown as Cell;

const problems = (
  ready: Readonly<Record<string, readonly string[]>>,
  sandboxes: Readonly<Record<string, string>>,
  given: readonly string[] = [],
): unknown[] => {
  const cells: Readonly<Record<string, readonly Cell[]>> = {
    container: given.map((sandboxId, at) => cell(`container/p1/c${at}`, { sandboxId }, ['acquiring'])),
    sandbox: Object.entries(sandboxes).map(([id, state]) =>
      cell(`sandbox/p1/${id}`, { id, tenant: 'p1', hostId: 'h1', pool: null }, [state]),
    ),
  };
  const runtime = {
    cellsOf: (kind: string) => new Map(cells[kind]?.map((each) => [each.address, each])),
  } as unknown as Runtime;
  const host = cell('host/h1', { ...hostInput, fingerprint, ready }, ['link.online']);
  return auditWarm(runtime, [host]).map(({ problem, hostId, detail }) => [problem, hostId, detail]);
};

t.test('sandboxes made ahead are in the ledger when host and sandboxes do not agree', async (t) => {
  t.same(problems({ 'p1/a': ['s1', 's2'] }, { s1: 'ready', s2: 'ready', s3: 'claimed', s4: 'draining' }), []);
  t.same(problems({}, { s1: 'ready' }, ['s1']), [], 'one that its container has yet to claim is no leak');
  t.match(problems({ 'p1/a': ['s1'] }, { s1: 'draining' }), [
    ['warm-differs', 'h1', /lists 1 .*\(4 of 8 MiB\); 1 of them do not wait there \(s1\), 0 wait/],
  ]);
  t.match(problems({}, { s1: 'ready' }), [
    ['warm-differs', 'h1', /lists 0 .* 1 wait and are not listed \(s1\)/],
  ]);
});

t.test('and when they take more memory than they may', async (t) => {
  t.match(problems({ 'p1/a': ['s1', 's2', 's3'] }, { s1: 'ready', s2: 'ready', s3: 'ready' }), [
    ['warm-over-budget', 'h1', 'keeps 12 MiB in sandboxes made ahead, and may keep 8'],
  ]);
});
