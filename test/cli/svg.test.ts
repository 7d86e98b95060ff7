/** `troupe chart --format svg`: every state that is to be seen, laid out, in a file that needs nothing else. */
import t from 'tap';
import { statesOf, pathOf, type ChartNode } from '../../src/chart/definition.ts';
import { graphOf } from '../../src/chart/graph.ts';
import { drawChart } from '../../src/cli/svg.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { definitionOf } from '../../src/machines/definition.ts';
import { createCliScene } from './scene.ts';

const definitions = Object.values(charts).map(({ machine }) => definitionOf(machine) as ChartNode);
const statesIn = (svg: string): readonly string[] =>
  [...svg.matchAll(/data-state="([^"]+)"/g)].map(([, id]) => id!).toSorted();

t.test('every state of every chart has its box, and none lies on another', async (t) => {
  for (const chart of definitions) {
    const svg = await drawChart(chart);
    t.same(
      statesIn(svg),
      statesOf(chart)
        .map(({ id }) => id)
        .toSorted(),
    );
    for (const node of statesOf(chart))
      t.ok(svg.includes(`>${pathOf(node)}`), `${node.id} is told by its title`);
    const boxes = [
      ...svg.matchAll(
        /data-state="([^"]+)".*?<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/gs,
      ),
    ].map(([, id, ...numbers]) => ({
      id: id!,
      place: numbers.map(Number) as [number, number, number, number],
    }));
    t.equal(boxes.length, statesOf(chart).length);
    for (const a of boxes)
      for (const b of boxes) {
        if (a.id >= b.id || b.id.startsWith(`${a.id}.`)) continue;
        const [[ax, ay, aw, ah], [bx, by, bw, bh]] = [a.place, b.place];
        if (ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah) t.fail(`${a.id} lies on ${b.id}`);
      }
  }
});

t.test('the same chart is the same picture', async (t) => {
  const [chart] = definitions;
  t.equal(await drawChart(chart!, 1), await drawChart(chart!, 1));
});

t.test('with a depth, only so many levels', async (t) => {
  const [chart] = definitions;
  t.same(
    statesIn(await drawChart(chart!, 1)),
    Object.values(chart!.states)
      .map(({ id }) => id)
      .toSorted(),
  );
});

t.test('what moves is drawn as a line or told in a box: no target is without both', async (t) => {
  for (const chart of definitions) {
    const { boxes, lines } = graphOf(chart, { isOpen: () => true, direction: 'DOWN' });
    const reached = new Set([...lines.values()].map(({ to }) => to));
    for (const node of [chart, ...statesOf(chart)])
      for (const { target = [] } of [...Object.values(node.on).flat(), ...node.always])
        for (const id of target.map((each) => each.slice(1)))
          t.ok(reached.has(id) || boxes.get(id)!.notes.length > 0, `the way to ${id}`);
  }
});

t.test('the command draws what the control plane runs', async (t) => {
  const [, chart] = definitions;
  const cli = createCliScene({
    answers: { 'GET /v1/statecharts/host': { kind: 'host', version: 1, definition: chart } },
  });
  t.equal(await cli.run('chart', 'host', '--format', 'svg'), 0);
  t.equal(cli.out, await drawChart(chart!));
  t.notMatch(cli.out, /<script|href=/, 'it needs nothing else');
});
