/** Commands on containers: what Zun's client offers, and why a container is where it is. */
import type { Command } from 'commander';
import { ApiError } from './api-error.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import { isSeenByAdmin, shortId, type ContainerView } from './container-view.ts';
import { causeOf, explain, time } from './explain.ts';
import { follow, type Sight } from './follow.ts';
import type { HistoryRecord, LifecycleView } from './lifecycle-view.ts';
import { printJson, printList, printOne } from './terminal.ts';

export function containerCommands(program: Command, context: CommandContext): void {
  const { client, terminal, format } = context;

  /** By name, id, or the beginning of an id that is nobody else's. */
  const find = async (nameOrId: string): Promise<ContainerView> => {
    try {
      return await client().call<ContainerView>('GET', `/v1/containers/${encodeURIComponent(nameOrId)}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      const mine = () => client().list<ContainerView>('/v1/containers', 'containers');
      const all = await client()
        .list<ContainerView>('/v1/containers?all_projects=true', 'containers')
        .catch(mine);
      const begun = all.filter(({ uuid }) => uuid.startsWith(nameOrId.toLowerCase()));
      if (begun.length > 1)
        throw new ApiError(
          409,
          `"${nameOrId}" begins the ids of ${begun.length} containers; write more of it`,
        );
      if (!begun[0]) throw error;
      return begun[0];
    }
  };

  /** Does the same to each; what fails for one keeps none of the others. */
  const each = async (
    names: readonly string[],
    act: (view: ContainerView) => Promise<void>,
  ): Promise<void> => {
    const failures: unknown[] = [];
    for (const name of names) {
      try {
        await act(await find(name));
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof CommandFailed) || names.length === 1) throw error;
        terminal.say(`troupe: ${name}: ${error.message}`);
        failures.push(error);
      }
    }
    const [first] = failures as { exitCode: number }[];
    if (first) throw new CommandFailed(`${failures.length} of ${names.length} were not done`, first.exitCode);
  };

  const act = (
    names: readonly string[],
    request: (view: ContainerView) => Promise<unknown>,
    doing: string,
    until: ((sight: Sight) => boolean) | null,
  ): Promise<void> =>
    each(names, async (view) => {
      await request(view);
      terminal.say(`${doing} ${view.name}`);
      if (!until) return;
      const settled = await follow(context, view, until);
      if (settled?.status === 'Error')
        throw new CommandFailed(
          `"${view.name}" failed: ${settled.status_reason ?? 'it is not known why'}`,
          1,
        );
    });

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
      const lifecycle = await client().call<LifecycleView>('GET', `/v1/containers/${uuid}/lifecycle`);
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
      const { history } = await client().call<{ history: readonly HistoryRecord[] }>(
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

  program
    .command('start')
    .description('start containers')
    .argument('<container...>')
    .option('--wait', 'until they run')
    .action((names: readonly string[], { wait }: { wait?: boolean }) =>
      act(
        names,
        ({ uuid }) => client().call('POST', `/v1/containers/${uuid}/start`),
        'starting',
        wait ? isSettled(['Running', 'Stopped', 'Error']) : null,
      ),
    );

  program
    .command('stop')
    .description('stop containers')
    .argument('<container...>')
    .option('-t, --time <seconds>', 'between the stop signal and the end', '10')
    .option('--wait', 'until they have stopped')
    .action((names: readonly string[], { time: seconds, wait }: { time: string; wait?: boolean }) =>
      act(
        names,
        ({ uuid }) =>
          client().call('POST', `/v1/containers/${uuid}/stop?timeout=${encodeURIComponent(seconds)}`),
        'stopping',
        wait ? isSettled(['Stopped', 'Created', 'Error']) : null,
      ),
    );

  program
    .command('rm')
    .description('delete containers')
    .argument('<container...>')
    .option('-s, --stop', 'stop them first')
    .option('-f, --force', 'whatever their state (admins)')
    .option('--wait', 'until they are gone')
    .action((names: readonly string[], options: { stop?: boolean; force?: boolean; wait?: boolean }) => {
      const { stop = false, force = false, wait } = options;
      return act(
        names,
        ({ uuid }) => client().call('DELETE', `/v1/containers/${uuid}?stop=${stop}&force=${force}`),
        'deleting',
        wait ? () => false : null,
      );
    });
}

const isSettled =
  (statuses: readonly string[]) =>
  ({ status, taskState }: Sight): boolean =>
    taskState === null && statuses.includes(status);

export const historyColumns = {
  revision: ({ revision }: HistoryRecord) => revision,
  at: ({ at }: HistoryRecord) => time(at),
  event: ({ event }: HistoryRecord) => event.type,
  state: ({ to }: HistoryRecord) => to.join(', '),
  cause: ({ cause }: HistoryRecord) => causeOf(cause),
  refused: ({ refused }: HistoryRecord) => refused,
};
