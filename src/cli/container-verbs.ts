/** Commands that change containers, or ask something of running ones. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { createTargets, isSettled } from './container-target.ts';
import { printJson, printList, printOne } from './terminal.ts';

const query = (fields: Readonly<Record<string, string | undefined>>): string => {
  const given = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
};

export function containerVerbs(program: Command, context: CommandContext): void {
  const { client, terminal, format } = context;
  const { find, act } = createTargets(context);
  const post = (uuid: string, verb: string, fields: Readonly<Record<string, string | undefined>> = {}) =>
    client().call('POST', `/v1/containers/${uuid}/${verb}${query(fields)}`);

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

  program
    .command('restart')
    .alias('reboot')
    .description('stop containers and start them again')
    .argument('<container...>')
    .option('-t, --time <seconds>', 'between the stop signal and the end', '10')
    .option('--wait', 'until they run again')
    .action((names: readonly string[], { time: timeout, wait }: { time: string; wait?: boolean }) =>
      act(
        names,
        ({ uuid }) => post(uuid, 'reboot', { timeout }),
        'restarting',
        wait ? isSettled(['Running', 'Stopped', 'Error']) : null,
      ),
    );

  for (const [verb, about, doing, settled] of [
    ['pause', 'freeze every process of containers', 'pausing', 'Paused'],
    ['unpause', 'let the processes of paused containers go on', 'unpausing', 'Running'],
  ] as const) {
    program
      .command(verb)
      .description(about)
      .argument('<container...>')
      .option('--wait', 'until it is done')
      .action((names: readonly string[], { wait }: { wait?: boolean }) =>
        act(
          names,
          ({ uuid }) => post(uuid, verb),
          doing,
          wait ? isSettled([settled, 'Stopped', 'Error']) : null,
        ),
      );
  }

  program
    .command('kill')
    .description('send containers a signal')
    .argument('<container...>')
    .option('-s, --signal <signal>', 'name or number', 'KILL')
    .action((names: readonly string[], { signal }: { signal: string }) =>
      act(names, ({ uuid }) => post(uuid, 'kill', { signal }), `sending ${signal} to`, null),
    );

  program
    .command('rebuild')
    .description('make containers anew, with the addresses and volumes they have')
    .argument('<container...>')
    .option('--image <image>', 'from this image')
    .option('--image-driver <driver>', 'where that image is from: docker, glance')
    .option('--wait', 'until it is done')
    .action(
      (
        names: readonly string[],
        { image, imageDriver, wait }: { image?: string; imageDriver?: string; wait?: boolean },
      ) =>
        act(
          names,
          ({ uuid }) => post(uuid, 'rebuild', { image, image_driver: imageDriver }),
          'rebuilding',
          wait ? isSettled(['Running', 'Created', 'Stopped', 'Error']) : null,
        ),
    );

  program
    .command('rename')
    .description('give a container another name')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('<name>')
    .action(async (container: string, name: string) => {
      const { uuid, name: before } = await find(container);
      await client().call('PATCH', `/v1/containers/${uuid}`, { name });
      terminal.say(`"${before}" is now "${name}"`);
    });

  program
    .command('update')
    .description('change what a container may use, while it runs')
    .argument('<container>', 'name, id, or the beginning of an id')
    .option('--cpus <number>', 'CPUs')
    .option('-m, --memory <mib>', 'memory in MiB')
    .action(async (container: string, { cpus, memory }: { cpus?: string; memory?: string }) => {
      const { uuid } = await find(container);
      const changed = await client().call<Readonly<Record<string, unknown>>>(
        'PATCH',
        `/v1/containers/${uuid}`,
        {
          ...(cpus === undefined ? {} : { cpu: Number(cpus) }),
          ...(memory === undefined ? {} : { memory: Number(memory) }),
        },
      );
      printOne(terminal, format(), changed);
    });

  program
    .command('top')
    .description('the processes of a container')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('[ps-args]', 'options of ps', '-ef')
    .allowUnknownOption()
    .action(async (container: string, psArgs: string) => {
      const { uuid } = await find(container);
      const table = await client().call<{ Titles: readonly string[]; Processes: readonly string[][] }>(
        'GET',
        `/v1/containers/${uuid}/top${query({ ps_args: psArgs })}`,
      );
      if (format() === 'json') return printJson(terminal, table);
      printList(
        terminal,
        'table',
        table.Processes,
        Object.fromEntries(table.Titles.map((title, at) => [title, (row: readonly string[]) => row[at]])),
      );
    });

  program
    .command('stats')
    .description('what a container has used')
    .argument('<container>', 'name, id, or the beginning of an id')
    .action(async (container: string) => {
      const { uuid } = await find(container);
      printOne(terminal, format(), await client().call('GET', `/v1/containers/${uuid}/stats`));
    });

  program
    .command('actions')
    .description('what people asked of a container, newest first')
    .argument('<container>', 'name, id, or the beginning of an id')
    .action(async (container: string) => {
      const { uuid } = await find(container);
      const { containerActions } = await client().call<{
        containerActions: readonly Readonly<Record<string, unknown>>[];
      }>('GET', `/v1/containers/${uuid}/container_actions`);
      printList(terminal, format(), containerActions, {
        action: (each) => each['action'],
        started: (each) => each['start_time'],
        finished: (each) => each['finish_time'],
        message: (each) => each['message'],
        user: (each) => each['user_id'],
        request: (each) => each['request_id'],
      });
    });
}
