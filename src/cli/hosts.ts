/** Commands on hosts. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { historyColumns } from './containers.ts';
import { explain } from './explain.ts';
import type { JournalRecord } from '../model/journal.ts';
import type { OfferedLifecycle } from '../model/lifecycle.ts';
import { printJson, printList, printOne } from './terminal.ts';

type HostView = Readonly<Record<string, unknown>> & { readonly uuid: string; readonly hostname: string };

const admissions: Readonly<Record<string, { readonly about: string; readonly done: string }>> = {
  cordon: { about: 'place nothing new there', done: 'is cordoned: nothing new is placed there' },
  uncordon: { about: 'place there again', done: 'is open again' },
  drain: {
    about: 'place nothing new there, and be in maintenance once its containers have left',
    done: 'is being drained: nothing new is placed there',
  },
  maintain: { about: 'take an empty host out of service', done: 'is in maintenance' },
  'give-up': {
    about: 'say that a host which is not heard is dead: its containers need not wait for its deadline',
    done: 'is lost: its containers are unknown until it is heard again',
  },
};

function labelOf(text: string): readonly [string, string | null] {
  if (!text.includes('=') && text.endsWith('-')) return [text.slice(0, -1), null];
  const [name = '', value] = text.split(/=(.*)/s);
  if (value === undefined) throw new CommandFailed(`"${text}" is no label; write name=value, or name-`, 2);
  return [name, value];
}

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
      networks: (host) => (host['makes_networks'] ? 'own' : 'engine'),
      warm: (host) =>
        ((host['pools'] ?? []) as readonly { ready: number }[]).reduce((sum, { ready }) => sum + ready, 0),
      'warm mib': (host) => `${String(host['warm_memory_used'])}/${String(host['warm_memory_total'])}`,
      engine: (host) => host['engine'],
      reason: (host) => host['reason'],
    });
  });
  for (const [verb, { about, done }] of Object.entries(admissions)) {
    const command = hosts.command(verb).description(about).argument('<host>', 'hostname or id');
    if (verb === 'cordon') command.option('--reason <text>', 'shown until it is open again');
    command.action(async (host: string, { reason }: { reason?: string }) => {
      const path = `/v1/hosts/${encodeURIComponent(host)}/${verb.replace('-', '_')}`;
      await client().call('POST', path, reason === undefined ? undefined : { reason });
      terminal.say(`${host} ${done}`);
    });
  }
  hosts
    .command('rm')
    .description('let go of a host for good that is not heard and has nothing on it')
    .argument('<host>', 'hostname or id')
    .action(async (host: string) => {
      await client().call('DELETE', `/v1/hosts/${encodeURIComponent(host)}`);
      terminal.say(`${host} is removed; its agent may join again with a new token`);
    });
  hosts
    .command('label')
    .description('label a host, over its agent’s own labels; show them when none is given')
    .argument('<host>', 'hostname or id')
    .argument('[label...]', 'name=value; name- gives the agent’s value back')
    .action(async (host: string, labels: readonly string[]) => {
      const path = `/v1/hosts/${encodeURIComponent(host)}`;
      const answer = await client().call<{ labels: Readonly<Record<string, string>> }>(
        labels.length === 0 ? 'GET' : 'PATCH',
        labels.length === 0 ? path : `${path}/labels`,
        labels.length === 0 ? undefined : Object.fromEntries(labels.map(labelOf)),
      );
      printOne(terminal, format(), answer.labels);
    });
  hosts
    .command('why')
    .description('where a host is, what it waits for, what would move it')
    .argument('<host>', 'hostname or id')
    .action(async (host: string) => {
      const path = `/v1/hosts/${encodeURIComponent(host)}/lifecycle`;
      const lifecycle = await client().call<OfferedLifecycle>('GET', path);
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
      const { history } = await client().call<{ history: readonly JournalRecord[] }>('GET', path);
      printList(terminal, format(), history, historyColumns);
    });
}
