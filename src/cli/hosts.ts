/** Commands on hosts. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { historyColumns } from './containers.ts';
import { explain } from './explain.ts';
import type { HistoryRecord, LifecycleView } from './lifecycle-view.ts';
import { printJson, printList } from './terminal.ts';

type HostView = Readonly<Record<string, unknown>> & { readonly uuid: string; readonly hostname: string };

export function hostCommands(program: Command, { client, terminal, format }: CommandContext): void {
  const hosts = program.command('hosts').description('list hosts; and what to do with one');
  hosts.action(async () => {
    const found = await client().list<HostView>('/v1/hosts', 'hosts');
    printList(terminal, format(), found, {
      id: ({ uuid }) => uuid,
      host: ({ hostname }) => hostname,
      state: (host) => host['state'],
      admission: (host) => host['admission'],
      containers: (host) => host['total_containers'],
      cpus: (host) => `${String(host['cpu_used'])}/${String(host['cpus'])}`,
      'memory mib': (host) => `${String(host['mem_used'])}/${String(host['mem_total'])}`,
      engine: (host) => host['engine'],
      reason: (host) => host['reason'],
    });
  });
  for (const verb of ['cordon', 'uncordon'] as const) {
    hosts
      .command(verb)
      .description(verb === 'cordon' ? 'place nothing new there' : 'place there again')
      .argument('<host>', 'hostname or id')
      .action(async (host: string) => {
        await client().call('POST', `/v1/hosts/${encodeURIComponent(host)}/${verb}`);
        terminal.say(
          `${host} is ${verb === 'cordon' ? 'cordoned: nothing new is placed there' : 'open again'}`,
        );
      });
  }
  hosts
    .command('why')
    .description('where a host is, what it waits for, what would move it')
    .argument('<host>', 'hostname or id')
    .action(async (host: string) => {
      const path = `/v1/hosts/${encodeURIComponent(host)}/lifecycle`;
      const lifecycle = await client().call<LifecycleView>('GET', path);
      if (format() === 'json') return printJson(terminal, lifecycle);
      terminal.out(explain(host, lifecycle));
    });
  hosts
    .command('history')
    .description('every transition of a host')
    .argument('<host>', 'hostname or id')
    .option('--limit <n>', 'at most so many', '100')
    .action(async (host: string, { limit }: { limit: string }) => {
      const query = new URLSearchParams({ limit }).toString();
      const path = `/v1/hosts/${encodeURIComponent(host)}/history?${query}`;
      const { history } = await client().call<{ history: readonly HistoryRecord[] }>('GET', path);
      printList(terminal, format(), history, historyColumns);
    });
}
