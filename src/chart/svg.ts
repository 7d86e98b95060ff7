/** A chart as a file: SVG that needs nothing else, readable in light and dark. */
import type { ELK } from 'elkjs';
import type { ChartNode } from './definition.ts';
import { graphOf, type GraphOptions } from './graph.ts';
import { pictureOf, type Shape } from './picture.ts';

const style = `
svg.chart { color-scheme: light dark; --ink: #1b2430; --soft: #586474; --line: #8a96a6; --box: #ffffff; --ground: #f6f8fa; background: var(--ground); font-family: system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg.chart { --ink: #e6ebf2; --soft: #9aa7b8; --line: #6b7889; --box: #1a222d; --ground: #10161e; } }
rect { fill: var(--box); stroke: var(--line); }
.open > rect { fill-opacity: 0.5; }
.tag-transient > rect { stroke-dasharray: 5 3; }
.title { font-size: 13px; font-weight: 600; fill: var(--ink); }
.small, .note, .label { font-size: 11px; fill: var(--soft); }
.way { fill: none; stroke: var(--line); }
.head, .start { fill: var(--line); }
.label { paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
`;

export async function svgOf(chart: ChartNode, elk: ELK, options: GraphOptions): Promise<string> {
  const graph = graphOf(chart, options);
  const picture = pictureOf(graph, await elk.layout(graph.elk), { active: new Set(), next: new Set() });
  const { children } = picture;
  return `${textOf({ ...picture, children: [{ tag: 'style', attributes: {}, children: [style] }, ...children] })}\n`;
}

function textOf({ tag, attributes, children }: Shape): string {
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(String(value))}"`);
  const inside = children.map((child) => (typeof child === 'string' ? escaped(child) : textOf(child)));
  return `<${tag}${given.join('')}>${inside.join('')}</${tag}>`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
