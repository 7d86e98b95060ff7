/** Commands on capsules: containers that share a network, and come and go together. */
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { printJson, printList, printOne } from './terminal.ts';

type Row = Readonly<Record<string, unknown>>;

export function capsuleCommands(program: Command, context: CommandContext): void {
  const { client, terminal, format, readFile } = context;
  const pathOf = (name: string): string => `/v1/capsules/${encodeURIComponent(name)}`;
  /** Its fields, then its members one a line. */
  const show = (capsule: Row): void => {
    if (format() === 'json') return printJson(terminal, capsule);
    const { init_containers: inits, containers, ...fields } = capsule;
    printOne(terminal, format(), fields);
    terminal.out('\n');
    const members = (of: unknown, role: string): readonly Row[] =>
      (of as readonly Row[]).map((member) => ({ ...member, role }));
    printList(terminal, format(), [...members(inits, 'init'), ...members(containers, '')], {
      id: ({ uuid }) => uuid,
      name: ({ name }) => name,
      role: ({ role }) => role,
      status: ({ status }) => status,
      restarts: ({ restarts }) => restarts,
      reason: (member) => member['status_reason'],
    });
  };
  const capsules = program
    .command('capsule')
    .description('containers that share a network on one host, and come and go together');

  capsules
    .command('ls')
    .description('list them')
    .option('-a, --all-projects', 'of all projects (admins)')
    .action(async ({ allProjects }: { allProjects?: boolean }) => {
      const rows = await client().list<Row>(
        `/v1/capsules${allProjects ? '?all_projects=true' : ''}`,
        'capsules',
      );
      printList(terminal, format(), rows, {
        id: ({ uuid }) => uuid,
        name: ({ name }) => name,
        ...(allProjects ? { project: (row) => row['project_id'] } : {}),
        status: ({ status }) => status,
        containers: ({ containers }) => (containers as readonly Row[]).length,
        reason: (row) => row['status_reason'],
      });
    });

  capsules
    .command('create')
    .description('make a capsule from a template')
    .requiredOption('-f, --file <file>', 'its template, as YAML or JSON')
    .action(async ({ file }: { file: string }) =>
      show(await client().call<Row>('POST', '/v1/capsules', { template: templateIn(file) })),
    );

  capsules
    .command('show')
    .description('show a capsule and its members')
    .argument('<capsule>', 'name or id')
    .action(async (name: string) => show(await client().call<Row>('GET', pathOf(name))));

  capsules
    .command('rm')
    .description('delete capsules, with all their members')
    .argument('<capsule...>', 'names or ids')
    .action(async (names: readonly string[]) => {
      for (const name of names) {
        await client().call('DELETE', pathOf(name));
        terminal.say(`${name} is being deleted`);
      }
    });

  const templateIn = (file: string): unknown => {
    let content: string;
    try {
      content = readFile(file);
    } catch (error) {
      throw new CommandFailed(`"${file}" can't be read: ${(error as Error).message}`, 2);
    }
    try {
      return parse(content, { logLevel: 'error' }) as unknown;
    } catch (error) {
      throw new CommandFailed(`"${file}" is no YAML: ${(error as Error).message.split('\n')[0]}`, 2);
    }
  };
}
