/** Commands on containers: what Zun's client offers, and why a container is where it is. */
import type { Command } from 'commander';
import { ApiError } from './api-error.ts';
import type { CommandContext } from './command-context.ts';
import { isSeenByAdmin, shortId, type ContainerView } from './container-view.ts';
import { createTargets } from './container-target.ts';
import { causeOf, explain, time } from './explain.ts';
import type { JournalRecord } from '../model/journal.ts';
import type { OfferedLifecycle } from '../model/lifecycle.ts';
import { printJson, printList, printOne } from './terminal.ts';

export function containerCommands(program: Command, context: CommandContext): void {
  const { client, terminal, format } = context;

  const { find } = createTargets(context);

  program
    .command('list')
    .alias('ps')
    .description('list containers')
    .option('-a, --all-projects', 'of all projects (admins)')
    .action(async ({ allProjects }: { allProjects?: boolean }) => {
      const path = `/v1/containers${allProjects ? '?all_projects=true' : ''}`;
      const containers = await client().list<ContainerView>(path, 'containers');
      printList(terminal, format(), containers, {
        id: shortId,
        name: ({ name }) => name,
        ...(allProjects ? { project: (view) => view['project_id'] } : {}),
        status: ({ status }) => status,
        task: ({ task_state: task }) => task,
        image: (view) => view['image'],
        ...(containers.some(isSeenByAdmin) ? { host: (view) => view['host'] } : {}),
        reason: ({ status_reason: reason }) => reason,
      });
    });

  program
    .command('show')
    .description('show a container, field by field')
    .argument('<container>', 'name, id, or the beginning of an id')
    .action(async (name: string) => printOne(terminal, format(), await find(name)));

  program
    .command('why')
    .description('why a container is where it is, what it waits for, what would move it and who may')
    .argument('<container>', 'name, id, or the beginning of an id')
    .action(async (name: string) => {
      const { uuid } = await find(name);
      const lifecycle = await client().call<OfferedLifecycle>('GET', `/v1/containers/${uuid}/lifecycle`);
      if (format() === 'json') return printJson(terminal, lifecycle);
      terminal.out(explain(name, lifecycle));
    });

  program
    .command('history')
    .description('every transition of a container: when, what, why')
    .argument('<container>', 'name, id, or the beginning of an id')
    .option('--limit <n>', 'at most so many', '100')
    .option('--after <revision>', 'only what came after this revision', '0')
    .action(async (name: string, { limit, after }: { limit: string; after: string }) => {
      const { uuid } = await find(name);
      const query = new URLSearchParams({ limit, after }).toString();
      const { history } = await client().call<{ history: readonly JournalRecord[] }>(
        'GET',
        `/v1/containers/${uuid}/history?${query}`,
      );
      printList(terminal, format(), history, historyColumns);
    });

  program
    .command('logs')
    .description('what a container has written')
    .argument('<container>', 'name, id, or the beginning of an id')
    .option('-f, --follow', 'and goes on to write, until Ctrl-C')
    .option('--tail <lines>', 'the last lines only', 'all')
    .option('--timestamps', 'with the time before each line')
    .action(async (name: string, options: { follow?: boolean; tail: string; timestamps?: boolean }) => {
      const { uuid } = await find(name);
      const { follow: following, tail, timestamps } = options;
      const query = new URLSearchParams({ tail, timestamps: String(timestamps === true) }).toString();
      const path = `/v1/containers/${uuid}/logs?${query}`;
      if (!following) return terminal.out(await client().call<string>('GET', path));
      const chunks = await client().stream(`${path}&follow=true`, new AbortController().signal);
      try {
        for await (const chunk of chunks) terminal.out(chunk);
      } catch (error) {
        throw new ApiError(503, `The log of "${name}" was cut: ${(error as Error).message}; follow it again`);
      }
    });
}

export const historyColumns = {
  revision: ({ revision }: JournalRecord) => revision,
  at: ({ at }: JournalRecord) => time(at),
  event: ({ event }: JournalRecord) => event.type,
  state: ({ to }: JournalRecord) => to.join(', '),
  cause: ({ cause }: JournalRecord) => causeOf(cause),
  refused: ({ refused }: JournalRecord) => refused,
};
