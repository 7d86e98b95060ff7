/** `docs/charts.md` from the charts that are run. */
import { pathOf, statesOf, type ChartNode } from '../../src/chart/definition.ts';
import { toMermaid } from '../../src/cli/mermaid.ts';
import { drawChart } from '../../src/cli/svg.ts';
import { charts } from '../../src/machines/catalogue.ts';
import type { Chart } from '../../src/machines/chart.ts';
import { definitionOf } from '../../src/machines/definition.ts';
import { code, table } from './markdown.ts';

/** A picture of each, states of large ones closed; path within the project → text. */
export function chartPictures(): Promise<readonly (readonly [string, string])[]> {
  return Promise.all(
    Object.values(charts).map(async ({ kind, machine }) => {
      const chart = definitionOf(machine) as ChartNode;
      return [pictureOf(kind), await drawChart(chart, isLarge(chart) ? 1 : Infinity)] as const;
    }),
  );
}

const pictureOf = (kind: string): string => `docs/images/${kind}.svg`;
const isLarge = (chart: ChartNode): boolean => statesOf(chart).length > 20;

export function chartsPage(): string {
  return `# Charts

The statecharts as they are run now, made from \`src/machines/\` by \`npm run docs\`; \`troupe chart container\` prints the one that a
control plane runs. An arrow's label is the event, with its guard in brackets; \`x done\` and \`x failed\` are the ends of an
invoked effect, a name alone stands for both; \`otherwise\` is taken at once when no guard before it holds. What is answered
without moving is not drawn: \`troupe chart container -o json\` has it.

${Object.values(charts)
  .map((chart) => section(chart))
  .join('\n\n')}
`;
}

function section({ kind, version, machine }: Chart): string {
  const chart = definitionOf(machine) as ChartNode;
  const whole = diagram(toMermaid(chart));
  const drawing = isLarge(chart)
    ? `${diagram(toMermaid(chart, 1))}\n\n<details>\n<summary>With all states inside</summary>\n\n${whole}\n\n</details>`
    : whole;
  const rows = statesOf(chart).map((node) => [
    code(pathOf(node)),
    node.description ?? '',
    [node.meta?.status, node.meta?.taskState].filter((each) => each).join(', '),
    (node.tags ?? []).join(', '),
    node.invoke.map(({ id }) => code(id)).join(', '),
  ]);
  return `## ${kind}

Version ${version}; [as a picture](images/${kind}.svg).

${drawing}

${table(['state', 'what it means', 'status, task', 'tags', 'waits for'], rows)}`;
}

const diagram = (text: string): string => `\`\`\`mermaid\n${text}\`\`\``;
