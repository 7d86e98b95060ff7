/** A chart as an SVG file: laid out by ELK, drawn as the console draws it. */
import type { ChartNode } from '../chart/definition.ts';
import { svgOf } from '../chart/svg.ts';

/** @param depth states below it are not shown; all of them by default */
export async function drawChart(chart: ChartNode, depth = Infinity): Promise<string> {
  // Large, and needed by this command alone.
  const { default: elk } = await import('elkjs/lib/elk.bundled.js');
  const isOpen = ({ id }: ChartNode): boolean => id.split('.').length <= depth;
  return await svgOf(chart, new elk.default(), { isOpen, direction: 'DOWN' });
}
