/** Charts as Mermaid text. */
import t from 'tap';
import { and, createMachine, not, stateIn, type AnyStateNode } from 'xstate';
import { statesOf, type ChartNode } from '../../src/chart/definition.ts';
import { toMermaid } from '../../src/cli/mermaid.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { definitionOf } from '../../src/machines/definition.ts';
import { createCliScene } from './scene.ts';

const machine = createMachine({
  id: 'door',
  initial: 'closed',
  on: { 'door.remove': '.gone' },
  states: {
    closed: {
      on: { 'door.open': [{ guard: 'isUnlocked', target: 'open' }, { actions: 'ring' }] },
    },
    open: {
      initial: 'wide',
      on: { 'door.slam': '.shut' },
      states: {
        wide: {
          always: [
            { guard: and(['isWindy', not('isHeld')]), target: 'shut' },
            { guard: stateIn('#door.gone'), target: 'shut' },
          ],
        },
        shut: {
          invoke: { id: 'lock', src: 'lock', onDone: '#door.closed', onError: '#door.closed' },
        },
      },
    },
    both: {
      type: 'parallel',
      onDone: 'gone',
      states: { left: { initial: 'a', states: { a: { type: 'final' } } }, right: {} },
    },
    gone: { type: 'final' },
  },
});
const chart = definitionOf(machine) as ChartNode;
const nodesOf = (node: AnyStateNode): readonly AnyStateNode[] => [
  node,
  ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode)),
];

t.test('states, regions, ends, arrows with guards, and what leads in from anywhere', async (t) => {
  t.equal(
    toMermaid(chart),
    `stateDiagram-v2
  state "closed" as door_closed
  state "open" as door_open {
    state "wide" as door_open_wide
    state "shut" as door_open_shut
    [*] --> door_open_wide
  }
  state "both" as door_both {
    state "left" as door_both_left {
      state "a" as door_both_left_a
      [*] --> door_both_left_a
      door_both_left_a --> [*]
    }
    --
    state "right" as door_both_right
  }
  state "gone" as door_gone
  [*] --> door_closed
  door_gone --> [*]
  note right of door_gone
    from anywhere: door.remove
  end note
  door_closed --> door_open : door.open [isUnlocked]
  note right of door_open_shut
    from anywhere in open: door.slam
  end note
  door_open_wide --> door_open_shut : [isWindy and not isHeld]<br>[in #door.gone]
  door_open_shut --> door_closed : lock
  door_both --> door_gone : all done
`,
  );
});

t.test('an overview draws what is inside into what holds it', async (t) => {
  const overview = toMermaid(chart, 1);
  t.notMatch(overview, 'wide');
  t.match(overview, 'door_open --> door_closed : lock');
  t.notMatch(overview, 'door_open --> door_open');
});

t.test('the definition holds every state and every move, and is plain JSON', async (t) => {
  for (const { kind, machine: real } of Object.values(charts)) {
    const definition = definitionOf(real) as ChartNode;
    t.strictSame(JSON.parse(JSON.stringify(definition)), definition, `${kind} is JSON`);
    const ids = new Set(statesOf(definition).map(({ id }) => id));
    const nodes = nodesOf(real.root).slice(1);
    t.strictSame([...ids].sort(), nodes.map(({ id }) => id).sort(), `${kind} has its states`);
    const moves = (node: ChartNode): number => Object.values(node.on).flat().length + node.always.length;
    const drawn = [definition, ...statesOf(definition)].reduce((sum, node) => sum + moves(node), 0);
    const known = [real.root, ...nodes].reduce(
      (sum, node) => sum + [...node.transitions.values()].flat().length + (node.always ?? []).length,
      0,
    );
    t.equal(drawn, known, `${kind} has its moves`);
    for (const node of statesOf(definition))
      for (const { target = [] } of [...Object.values(node.on).flat(), ...node.always])
        for (const id of target) t.ok(ids.has(id.slice(1)), `${node.id} leads to ${id}`);
  }
});

t.test('troupe chart prints what the control plane runs', async (t) => {
  const cli = createCliScene({
    answers: {
      'GET /v1/statecharts/host': { kind: 'host', version: 1, definition: chart },
      'GET /v1/statecharts/host?version=1': { kind: 'host', version: 1, definition: chart },
    },
  });
  t.equal(await cli.run('chart', 'host', '--format', 'mermaid'), 0);
  t.equal(cli.out, toMermaid(chart));
  t.equal(await cli.run('chart', 'host', '--depth', '1', '--version-of', '1'), 0);
  t.equal(cli.out, toMermaid(chart, 1));
  t.equal(await cli.run('chart', 'host', '-o', 'json'), 0);
  t.match(JSON.parse(cli.out), { kind: 'host', version: 1, definition: { id: 'door' } });
  t.equal(await cli.run('chart', 'host', '--depth', '0'), 2);
  t.match(cli.err, /--depth must be a whole number of at least 1, not "0"/);
});
