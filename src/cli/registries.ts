/** Commands on registries: whose login a project's images are pulled with. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { printList, printOne } from './terminal.ts';

type Row = Readonly<Record<string, unknown>>;

interface RegistryOptions {
  readonly name?: string;
  readonly domain?: string;
  readonly username?: string;
  readonly password?: string;
}

/** On a command line everybody of the machine can read it. */
const passwordVariable = 'TROUPE_REGISTRY_PASSWORD';

export function registryCommands(
  program: Command,
  { client, terminal, format, environment }: CommandContext,
): void {
  const pathOf = (idOrName: string): string => `/v1/registries/${encodeURIComponent(idOrName)}`;
  const bodyOf = ({ name, domain, username, password = environment[passwordVariable] }: RegistryOptions) => ({
    registry: JSON.parse(JSON.stringify({ name, domain, username, password })) as object,
  });
  const show = ({ registry }: { registry: Row }): void => printOne(terminal, format(), registry);
  const withOptions = (command: Command): Command =>
    command
      .option('--name <name>')
      .option('--username <name>')
      .option('--password <password>', `better in ${passwordVariable}`);

  const registries = program
    .command('registry')
    .description('registries that this project has a login of; "run --registry" uses one');
  registries
    .command('ls')
    .description('list them')
    .action(async () =>
      printList(terminal, format(), await client().list<Row>('/v1/registries', 'registries'), {
        id: ({ uuid }) => uuid,
        name: ({ name }) => name,
        domain: ({ domain }) => domain,
        username: ({ username }) => username,
      }),
    );
  registries
    .command('show')
    .description('show one; its password is shown to nobody')
    .argument('<registry>', 'name or id')
    .action(async (registry: string) => show(await client().call('GET', pathOf(registry))));
  withOptions(
    registries
      .command('create')
      .description('keep a login')
      .argument('<domain>', 'host and port, as image references begin with, e.g. registry.example:5000'),
  ).action(async (domain: string, options: RegistryOptions) =>
    show(await client().call('POST', '/v1/registries', bodyOf({ ...options, domain }))),
  );
  withOptions(
    registries
      .command('update')
      .description('change a login')
      .argument('<registry>', 'name or id')
      .option('--domain <domain>', 'host and port'),
  ).action(async (registry: string, options: RegistryOptions) =>
    show(await client().call('PATCH', pathOf(registry), bodyOf(options))),
  );
  registries
    .command('rm')
    .description('forget logins')
    .argument('<registry...>', 'names or ids')
    .action(async (all: readonly string[]) => {
      for (const registry of all) {
        await client().call('DELETE', pathOf(registry));
        terminal.say(`${registry} is forgotten`);
      }
    });
}
