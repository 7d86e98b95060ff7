/** A chart as the API gives it, as Mermaid text. A projection: nothing is drawn, and nothing left out that moves. */

import { arrowsOf, labelsOf, type ChartNode } from '../chart/definition.ts';

/**
 * @param depth states below it are drawn into those that hold them; all of them by default
 * @see https://mermaid.js.org/syntax/stateDiagram.html
 */
export function toMermaid(chart: ChartNode, depth = Infinity): string {
  const lines = ['stateDiagram-v2'];
  const write = (indent: number, text: string): void => void lines.push(`${'  '.repeat(indent)}${text}`);

  const declare = (node: ChartNode, level: number): void => {
    const children = Object.values(node.states);
    const title = `state "${node.key}" as ${name(node.id)}`;
    if (children.length === 0 || level === depth) return write(level, title);
    write(level, `${title} {`);
    body(node, level + 1);
    write(level, '}');
  };
  const body = (node: ChartNode, level: number): void => {
    const children = Object.values(node.states);
    children.forEach((child, index) => {
      declare(child, level);
      // Regions stand side by side; the whole chart's need no line between them, and Mermaid has none there.
      if (node.type === 'parallel' && node !== chart && index < children.length - 1) write(level, '--');
    });
    if (node.type === 'compound')
      for (const target of node.initial?.target ?? []) write(level, `[*] --> ${name(target)}`);
    for (const child of children) if (child.type === 'final') write(level, `${name(child.id)} --> [*]`);
  };

  body(chart, 1);
  const shown = (id: string): string =>
    id
      .split('.')
      .slice(0, depth + 1)
      .join('.');
  for (const { from, to, moves } of arrowsOf(chart, shown)) {
    const labels = labelsOf(moves);
    if (to.startsWith(`${from}.`)) {
      // An arrow from a state into itself can't be seen.
      const where = from === chart.id ? 'anywhere' : `anywhere in ${from.slice(chart.id.length + 1)}`;
      write(1, `note right of ${name(to)}`);
      for (const label of labels) write(2, `from ${where}: ${label}`);
      write(1, 'end note');
    } else {
      write(1, `${name(from)} --> ${name(to)} : ${labels.join('<br>')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid's names have no dots. */
const name = (id: string): string => id.replace(/^#/, '').replaceAll('.', '_');
