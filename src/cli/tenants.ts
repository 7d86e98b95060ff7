/** Commands on tenants. */
import { Option, type Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { explain } from './explain.ts';
import type { LifecycleView } from './lifecycle-view.ts';
import { printJson, printOne } from './terminal.ts';

interface LimitOptions {
  readonly containers?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly neighbours?: string;
}

/** @throws CommandFailed */
function limitOf(option: string, value: string | undefined): number | null | undefined {
  if (value === undefined) return undefined;
  if (value === 'default') return null;
  const number = Number(value);
  if (value.trim() === '' || Number.isNaN(number))
    throw new CommandFailed(`${option} must be a number, -1 for no limit, or "default" for the site's`, 2);
  return number;
}

export function tenantCommands(program: Command, { client, terminal, format }: CommandContext): void {
  const tenants = program.command('tenant').description('what a project may have, has, and bears beside it');
  const pathOf = (id: string): string => `/v1/tenants/${encodeURIComponent(id)}`;
  tenants
    .command('show')
    .description('limits, what is used of them, and whether it bears neighbours on its hosts')
    .argument('<project>', 'project id')
    .action(async (id: string) => printOne(terminal, format(), await client().call('GET', pathOf(id))));
  tenants
    .command('set')
    .description('change its limits (admins), or whether it bears neighbours')
    .argument('<project>', 'project id')
    .option('--containers <n>', 'containers at most; -1 = no limit, default = the site’s')
    .option('--cpus <n>', 'CPUs at most')
    .option('--memory <mib>', 'memory at most')
    .option('--disk <gib>', 'disk at most')
    .addOption(
      new Option('--neighbours <mode>', 'other tenants on its hosts').choices([
        'off',
        'preferred',
        'enforced',
      ]),
    )
    .action(async (id: string, options: LimitOptions) => {
      const limits = {
        containers: limitOf('--containers', options.containers),
        cpu: limitOf('--cpus', options.cpus),
        memory: limitOf('--memory', options.memory),
        disk: limitOf('--disk', options.disk),
      };
      const isLimited = Object.values(limits).some((value) => value !== undefined);
      const { neighbours } = options;
      printOne(
        terminal,
        format(),
        await client().call('PATCH', pathOf(id), {
          ...(isLimited ? { limits: JSON.parse(JSON.stringify(limits)) as object } : {}),
          ...(neighbours === undefined ? {} : { neighbours }),
        }),
      );
    });
  tenants
    .command('why')
    .description('where a tenant is, what it waits for, what would move it')
    .argument('<project>', 'project id')
    .action(async (id: string) => {
      const lifecycle = await client().call<LifecycleView>('GET', `${pathOf(id)}/lifecycle`);
      if (format() === 'json') return printJson(terminal, lifecycle);
      terminal.out(explain(id, lifecycle));
    });
}
