/** Commands on networks, volumes, and what is kept ready on them. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { createTargets } from './container-target.ts';
import type { Sight } from './follow.ts';
import { printList, printOne } from './terminal.ts';

type Row = Readonly<Record<string, unknown>>;

export function networkCommands(program: Command, context: CommandContext): void {
  const { client, terminal, format } = context;
  const { act, find } = createTargets(context);
  const resource = (kind: 'network' | 'volume', about: string): Command => {
    const command = program.command(kind).description(about);
    command
      .command('rm')
      .description(`delete ${kind}s that no container has`)
      .argument(`<${kind}...>`, 'names or ids')
      .action(async (names: readonly string[]) => {
        for (const name of names) {
          await client().call('DELETE', `/v1/${kind}s/${encodeURIComponent(name)}`);
          terminal.say(`${name} is being deleted`);
        }
      });
    return command;
  };

  const networks = resource('network', 'networks of this project; each is of one host');
  networks
    .command('ls')
    .description('list them')
    .action(async () => {
      const { networks: rows } = await client().call<{ networks: readonly Row[] }>('GET', '/v1/networks');
      printList(terminal, format(), rows, {
        id: ({ uuid }) => uuid,
        name: ({ name }) => name,
        status: ({ status }) => status,
        subnet: ({ subnet }) => subnet,
        addresses: ({ ports }) => ports,
        host: ({ host }) => host,
        reason: (row) => row['status_reason'],
      });
    });
  networks
    .command('create')
    .description('make a network')
    .argument('<name>', 'unique in the project')
    .option('--subnet <cidr>', 'e.g. 10.1.2.0/24; the host finds a free one otherwise')
    .option('--host <host>', 'hostname or id; one is chosen otherwise')
    .action(async (name: string, options: { subnet?: string; host?: string }) =>
      printOne(terminal, format(), await client().call('POST', '/v1/networks', { name, ...options })),
    );

  const volumes = resource('volume', 'volumes of this project; each is of one host');
  volumes
    .command('ls')
    .description('list them')
    .action(async () => {
      const { volumes: rows } = await client().call<{ volumes: readonly Row[] }>('GET', '/v1/volumes');
      printList(terminal, format(), rows, {
        id: ({ uuid }) => uuid,
        name: ({ name }) => name,
        status: ({ status }) => status,
        'size gib': ({ size }) => size,
        containers: ({ attached }) => (attached as readonly string[]).length,
        host: ({ host }) => host,
        reason: (row) => row['status_reason'],
      });
    });
  volumes
    .command('create')
    .description('make a volume')
    .argument('<name>', 'unique in the project')
    .option('--size <gib>', 'what it may hold; as much as its host has otherwise')
    .option('--host <host>', 'hostname or id; one is chosen otherwise')
    .action(async (name: string, options: { size?: string; host?: string }) =>
      printOne(terminal, format(), await client().call('POST', '/v1/volumes', { name, ...options })),
    );

  interface Change {
    readonly container: string;
    readonly volume: string;
    readonly query: Readonly<Record<string, string>>;
    /** Whether that is done, by what it was given and has now. */
    readonly isDone: (held: readonly Row[], before: readonly Row[]) => boolean;
    readonly wait: boolean | undefined;
  }
  const change = async (verb: 'attach' | 'detach', { container, volume, query, isDone, wait }: Change) => {
    let uuid = '';
    let before: readonly Row[] = [];
    const held = async (): Promise<readonly Row[]> =>
      (await client().call<{ volumes: readonly Row[] }>('GET', `/v1/containers/${uuid}/volume_list`)).volumes;
    const request = async (view: { readonly uuid: string }): Promise<void> => {
      ({ uuid } = view);
      if (wait) before = await held();
      const asked = new URLSearchParams(query).toString();
      await client().call('POST', `/v1/containers/${uuid}/volume_${verb}?${asked}`);
    };
    const isSettled = ({ taskState }: Sight): boolean => taskState === null;
    await act([container], request, `${verb}ing "${volume}":`, wait ? isSettled : null);
    if (!wait || isDone(await held(), before)) return;
    const { status_reason: reason } = await find(uuid);
    throw new CommandFailed(`"${volume}" was not ${verb}ed: ${reason ?? 'it is not known why'}`, 1);
  };
  volumes
    .command('attach')
    .description('give a volume to a container, whether it runs or not')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('<volume>', 'name or id')
    .argument('<path>', 'where in the container')
    .option('--read-only', 'only to be read')
    .option('--wait', 'until it is there')
    .action(
      (
        container: string,
        volume: string,
        path: string,
        { readOnly = false, wait }: { readOnly?: boolean; wait?: boolean },
      ) =>
        change('attach', {
          container,
          volume,
          query: { volume, path, read_only: String(readOnly) },
          isDone: (held) => held.some((each) => each['path'] === path && each['status'] === 'attached'),
          wait,
        }),
    );
  volumes
    .command('detach')
    .description('take from a container what it was given so')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('<volume>', 'name or id')
    .option('--wait', 'until it is free')
    .action((container: string, volume: string, { wait }: { wait?: boolean }) =>
      change('detach', {
        container,
        volume,
        query: { volume },
        isDone: (held, before) => held.length < before.length,
        wait,
      }),
    );

  program
    .command('pool')
    .description('sandboxes that are kept ready')
    .command('flush')
    .description('let go what is made ahead; it comes again with use')
    .option('-a, --all-projects', 'of all projects (admins)')
    .action(async ({ allProjects }: { allProjects?: boolean }) => {
      const { flushed } = await client().call<{ flushed: number }>(
        'DELETE',
        `/v1/pools${allProjects ? '?all_projects=true' : ''}`,
      );
      terminal.say(`${flushed} ${flushed === 1 ? 'pool is' : 'pools are'} being emptied`);
    });
}
