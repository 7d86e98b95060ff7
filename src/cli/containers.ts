/** Commands on containers: what Zun's client offers, and why a container is where it is. */
import type { Command } from 'commander';
import { ApiError, type Client } from './client.ts';
import { print, printOne, type Format, type Terminal } from './terminal.ts';

export interface ContainerCommands {
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly format: () => Format;
  /** Resolves after `ms`; the command line may wait, the product's core may not. */
  readonly pause: (ms: number) => Promise<void>;
  readonly exit: (code: number) => void;
}

type View = Record<string, unknown> & {
  uuid: string;
  name: string;
  status: string;
  status_reason: string | null;
  lifecycle_state: string[];
};

interface LifecycleView {
  readonly statePaths: string[];
  readonly status: string;
  readonly reason: string | null;
  readonly since: number;
  readonly waitingFor: {
    description: string;
    attempt: number;
    startedAt: number;
    deadlineAt: number | null;
  }[];
  readonly lastError: { message: string } | null;
  readonly allowedEvents: {
    type: string;
    mode?: string;
    answer: string;
    reason: string | null;
    to: string[];
    roles: string[];
  }[];
  readonly quarantined: { reason: string } | null;
}

const columns = ['uuid', 'name', 'image', 'status', 'task_state', 'host', 'status_reason'];
const progressMs = 100;
/** Docker's: our own failure, as apart from the container's exit code. */
const ourFailure = 125;

export function containerCommands(
  program: Command,
  { client, terminal, format, pause, exit }: ContainerCommands,
): void {
  /** Names, ids and unambiguous beginnings of ids. */
  const find = async (nameOrId: string): Promise<View> => {
    try {
      return await client().call<View>('GET', `/v1/containers/${encodeURIComponent(nameOrId)}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      const { containers } = await client()
        .call<{ containers: View[] }>('GET', '/v1/containers?all_projects=true')
        .catch(() => client().call<{ containers: View[] }>('GET', '/v1/containers'));
      const begun = containers.filter(({ uuid }) => uuid.startsWith(nameOrId.toLowerCase()));
      if (begun.length > 1)
        throw new ApiError(
          409,
          `"${nameOrId}" begins the ids of ${begun.length} containers; write more of it`,
          null,
        );
      if (!begun[0]) throw error;
      return begun[0];
    }
  };

  const act = async (names: readonly string[], verb: string, done: string): Promise<void> => {
    for (const name of names) {
      const { uuid } = await find(name);
      await client().call('POST', `/v1/containers/${uuid}/${verb}`);
      terminal.say(`${done} ${name}`);
    }
  };

  /** Tells each state it comes through until it is settled. */
  const follow = async (uuid: string, until: readonly string[]): Promise<View | null> => {
    let last = '';
    for (;;) {
      const view = await client()
        .call<View>('GET', `/v1/containers/${uuid}`)
        .catch((error: unknown) => {
          if (error instanceof ApiError && error.status === 404) return null;
          throw error;
        });
      if (!view) return null;
      const line = `${view.lifecycle_state.join(', ')}${view.status_reason ? `: ${view.status_reason}` : ''}`;
      if (line !== last) terminal.say(`  ${line}`);
      last = line;
      if (until.includes(view.status)) return view;
      await pause(progressMs);
    }
  };

  const logs = async (uuid: string, query: string): Promise<void> => {
    const interrupted = new AbortController();
    for await (const chunk of await client().stream(
      `/v1/containers/${uuid}/logs?follow=true&${query}`,
      interrupted.signal,
    )) {
      terminal.out(chunk.toString('utf8'));
    }
  };

  program
    .command('list')
    .alias('ps')
    .description('list containers')
    .option('-a, --all-projects', 'of all projects (admins)')
    .action(async ({ allProjects }: { allProjects?: boolean }) => {
      const { containers } = await client().call<{ containers: View[] }>(
        'GET',
        `/v1/containers${allProjects ? '?all_projects=true' : ''}`,
      );
      print(terminal, format(), containers, columns);
    });

  program
    .command('run')
    .description('create a container and start it')
    .argument('<image>')
    .argument('[command...]')
    .option('-d, --detach', 'return once it runs')
    .option('--name <name>')
    .option('--cpu <cpus>', 'CPUs')
    .option('--memory <mib>', 'memory in MiB')
    .option('-e, --env <key=value...>', 'environment')
    .option('--label <key=value...>', 'labels')
    .option('--restart <policy[:count]>', 'no, always, on-failure[:n], unless-stopped')
    .option('--rm', 'remove it when it has ended')
    .option('--idempotency-key <key>', 'the same key makes the same container once')
    .passThroughOptions()
    .action(
      async (
        image: string,
        command: string[],
        options: Record<string, string | string[] | boolean | undefined>,
      ) => {
        const view = await client().call<View>(
          'POST',
          '/v1/containers?run=true',
          createBody(image, command, options),
          options['idempotencyKey'] ? { 'idempotency-key': String(options['idempotencyKey']) } : {},
        );
        terminal.say(`${view.name} (${view.uuid})`);
        const there = await follow(view.uuid, ['Running', 'Stopped', 'Error']);
        if (there?.status === 'Error')
          throw Object.assign(new ApiError(500, there.status_reason ?? 'It failed', null), {
            code: ourFailure,
          });
        if (options['detach']) {
          if (there && format() === 'json') printOne(terminal, 'json', there);
          else terminal.out(`${view.uuid}\n`);
          return;
        }
        if (there) await logs(view.uuid, 'stdout=true&stderr=true');
        const ended = there && (await follow(view.uuid, ['Stopped', 'Error', 'Unknown', 'Deleted']));
        exit(Number(ended?.['exit_code'] ?? 0));
      },
    );

  program
    .command('show')
    .description('show a container')
    .argument('<container>')
    .action(async (name: string) => printOne(terminal, format(), await find(name)));

  program
    .command('why')
    .description('why a container is where it is, what it waits for, and what would move it')
    .argument('<container>')
    .action(async (name: string) => {
      const { uuid } = await find(name);
      const lifecycle = await client().call<LifecycleView>('GET', `/v1/containers/${uuid}/lifecycle`);
      if (format() === 'json')
        return printOne(terminal, 'json', lifecycle as unknown as Record<string, unknown>);
      terminal.out(explain(name, lifecycle));
    });

  program
    .command('history')
    .description('every transition of a container: when, what, why')
    .argument('<container>')
    .option('--limit <n>', 'at most so many', '100')
    .action(async (name: string, { limit }: { limit: string }) => {
      const { uuid } = await find(name);
      const { history } = await client().call<{ history: HistoryRecord[] }>(
        'GET',
        `/v1/containers/${uuid}/history?limit=${limit}`,
      );
      if (format() === 'json') return terminal.out(`${JSON.stringify(history, null, 2)}\n`);
      const rows = history.map(({ revision, at, event, to, cause, refused }) => ({
        revision,
        at: new Date(at).toISOString(),
        event: event.type,
        state: to.join(', '),
        cause: causeOf(cause),
        refused,
      }));
      print(terminal, 'table', rows, ['revision', 'at', 'event', 'state', 'cause']);
    });

  program
    .command('logs')
    .description('what a container has written')
    .argument('<container>')
    .option('-f, --follow', 'and goes on to write')
    .option('--tail <lines>', 'the last lines only', 'all')
    .option('--timestamps')
    .action(
      async (
        name: string,
        { follow: following, tail, timestamps }: { follow?: boolean; tail: string; timestamps?: boolean },
      ) => {
        const { uuid } = await find(name);
        const query = `tail=${tail}&timestamps=${timestamps === true}`;
        if (following) return logs(uuid, query);
        terminal.out(await client().call<string>('GET', `/v1/containers/${uuid}/logs?${query}`));
      },
    );

  program
    .command('start')
    .description('start containers')
    .argument('<container...>')
    .action((names: string[]) => act(names, 'start', 'starting'));

  program
    .command('stop')
    .description('stop containers')
    .argument('<container...>')
    .option('-t, --time <seconds>', 'between the stop signal and the end', '10')
    .action((names: string[], { time }: { time: string }) => act(names, `stop?timeout=${time}`, 'stopping'));

  program
    .command('rm')
    .description('delete containers')
    .argument('<container...>')
    .option('-s, --stop', 'stop it first')
    .option('-f, --force', 'whatever its state (admins)')
    .action(async (names: string[], { stop, force }: { stop?: boolean; force?: boolean }) => {
      for (const name of names) {
        const { uuid } = await find(name);
        await client().call('DELETE', `/v1/containers/${uuid}?stop=${stop === true}&force=${force === true}`);
        terminal.say(`deleting ${name}`);
      }
    });
}

interface HistoryRecord {
  readonly revision: number;
  readonly at: number;
  readonly event: { readonly type: string };
  readonly to: readonly string[];
  readonly refused: string | null;
  readonly cause: Record<string, unknown> & { kind: string };
}

function causeOf(cause: HistoryRecord['cause']): string {
  if (cause.kind === 'request') return `${String(cause['requestId'])} by ${String(cause['userId'])}`;
  if (cause.kind === 'actor') return String(cause['address']);
  if (cause.kind === 'operation') return `${String(cause['src'])} ${String(cause['requestId'] ?? '')}`;
  return cause.kind === 'agent' ? `host ${String(cause['hostId'])}` : String(cause['reason']);
}

function explain(
  name: string,
  { status, statePaths, since, reason, waitingFor, lastError, allowedEvents, quarantined }: LifecycleView,
): string {
  const lines = [`${name} is ${status} (${statePaths.join(', ')}) since ${new Date(since).toISOString()}.`];
  if (reason) lines.push(reason.endsWith('.') ? reason : `${reason}.`);
  if (quarantined) lines.push(`It is quarantined: ${quarantined.reason}.`);
  for (const { description, attempt, deadlineAt } of waitingFor) {
    lines.push(
      `It waits for ${description}${deadlineAt === null ? '' : ` (at ${new Date(deadlineAt).toISOString()})`}${attempt > 1 ? `, attempt ${attempt}` : ''}.`,
    );
  }
  if (lastError) lines.push(`Last error: ${lastError.message}.`);
  const moves = allowedEvents.filter(({ answer }) => answer !== 'refused');
  lines.push(moves.length === 0 ? 'Nothing that people may send would move it now.' : 'What would move it:');
  for (const { type, mode, answer, to, roles } of moves) {
    lines.push(
      `  ${type}${mode ? ` (${mode})` : ''}, ${answer}, to ${to.join(', ')}; may be sent by ${roles.join(', ')}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function createBody(
  image: string,
  command: readonly string[],
  options: Record<string, string | string[] | boolean | undefined>,
): Record<string, unknown> {
  const pairs = (given: unknown): Record<string, string> =>
    Object.fromEntries(
      ((given as string[] | undefined) ?? []).map(
        (pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string],
      ),
    );
  const [policy, count] = String(options['restart'] ?? '').split(':');
  return {
    image,
    command,
    environment: pairs(options['env']),
    labels: pairs(options['label']),
    auto_remove: options['rm'] === true,
    ...(options['name'] ? { name: options['name'] } : {}),
    ...(options['cpu'] ? { cpu: Number(options['cpu']) } : {}),
    ...(options['memory'] ? { memory: options['memory'] } : {}),
    ...(policy ? { restart_policy: { Name: policy, MaximumRetryCount: count ?? '0' } } : {}),
  };
}
