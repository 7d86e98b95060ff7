/** `troupe chart`: the statechart that decides, as the control plane runs it. */
import { Argument, Option, type Command } from 'commander';
import { actorKinds } from '../model/address.ts';
import type { CommandContext } from './command-context.ts';
import type { ChartNode } from '../chart/definition.ts';
import { drawChart } from './svg.ts';
import { toMermaid } from './mermaid.ts';
import { printJson } from './terminal.ts';

interface ChartOptions {
  readonly versionOf?: string;
  readonly depth?: string;
  readonly format: string;
}

export function chartCommand(program: Command, { client, terminal, format }: CommandContext): void {
  program
    .command('chart')
    .description('the statechart that decides, as it is run now; with -o json its definition')
    .addArgument(new Argument('<kind>').choices(actorKinds))
    .addOption(new Option('--format <format>', 'as a diagram').choices(['mermaid', 'svg']).default('mermaid'))
    .option('--depth <n>', 'only so many levels of states; 1 is the overview')
    .option('--version-of <n>', 'an older version that was run here')
    .action(async (kind: string, { versionOf, depth, format: drawing }: ChartOptions) => {
      if (depth !== undefined && !/^[1-9]\d*$/.test(depth))
        program.error(`error: --depth must be a whole number of at least 1, not "${depth}"`);
      const query = versionOf === undefined ? '' : `?version=${encodeURIComponent(versionOf)}`;
      const chart = await client().call<{ definition: ChartNode }>('GET', `/v1/statecharts/${kind}${query}`);
      if (format() === 'json') printJson(terminal, chart);
      else {
        const levels = depth === undefined ? Infinity : Number(depth);
        terminal.out(
          drawing === 'svg' ? await drawChart(chart.definition, levels) : toMermaid(chart.definition, levels),
        );
      }
    });
}
