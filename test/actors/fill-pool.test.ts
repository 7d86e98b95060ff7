import t from 'tap';
import type { Cell } from '../../src/actors/cell.ts';
import type { EffectRun } from '../../src/actors/effects/effect.ts';
import { fillPoolEffect } from '../../src/actors/effects/fill-pool.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import type { SandboxInput } from '../../src/model/network-events.ts';
import { boundPool, poolSubject } from '../machines/pool-space.ts';

/** Sandboxes that are begun, and no more of a runtime than filling pools needs. */
function site() {
  const cells = new Map<string, Cell>();
  const runtime = {
    cell: (address: string) => cells.get(address),
    cellsOf: () => cells,
    tombstones: new Set<string>(),
    begin(address: string, input: SandboxInput) {
      cells.set(address, { address, committed: { record: { context: input } } } as unknown as Cell);
      return Promise.resolve();
    },
  } as unknown as Runtime;
  const effect = fillPoolEffect(() => runtime, { perProject: 3, perSite: 5 });
  const fill = (tenant: string, opId: string, input: object = boundPool, count = 2): Promise<unknown> =>
    new Promise((resolve) => {
      effect({
        address: `pool/${tenant}/h1.n1`,
        operation: { opId, revision: 1, input: { count } },
        context: { ...input, tenant },
        done: resolve,
      } as unknown as EffectRun);
    });
  return { cells, fill };
}

t.test('ports that wait are bounded over all pools of a project, and of the site', async (t) => {
  const { cells, fill } = site();
  t.same(await fill('p1', 'a'), { begun: 2, short: null });
  t.same(await fill('p1', 'b'), { begun: 1, short: 'project' });
  t.same(await fill('p1', 'b'), { begun: 1, short: 'project' }, 'asked again it has what it began');
  t.equal(cells.size, 3);
  t.same(await fill('p2', 'c'), { begun: 2, short: null }, 'another project has its own');
  t.same(await fill('p3', 'd'), { begun: 0, short: 'site' });
  t.same(
    await fill('p3', 'e', poolSubject.inputs[0] as object),
    { begun: 2, short: null },
    'networks of hosts have no such ports',
  );
  const [first, cell] = [...cells][0]!;
  const context = { ...(cell.committed!.record.context as object), claimedBy: 'c1' };
  cells.set(first, { ...cell, committed: { record: { context } } } as unknown as Cell);
  t.same(await fill('p1', 'f'), { begun: 1, short: 'project' }, 'what a container has does not wait');
});

t.test('pools that are filled together stay within them, too', async (t) => {
  const { cells, fill } = site();
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((opId) => fill('p1', opId)));
  t.same(
    answers.map((each) => (each as { begun: number }).begun),
    [2, 1, 0, 0],
  );
  t.equal(cells.size, 3);
});
