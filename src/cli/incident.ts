/** `troupe incident`: what led to what, across actors, as one tree. */
import type { Command } from 'commander';
import { eventInWords } from '../chart/definition.ts';
import { readingOrder } from '../chart/steps.ts';
import { actorKinds, pluralOf, type ActorKind } from '../model/address.ts';
import type { Incident } from '../model/incident.ts';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { causeOf, time } from './explain.ts';
import { printJson } from './terminal.ts';

export function incidentCommand(program: Command, { client, terminal, format }: CommandContext): void {
  program
    .command('incident')
    .description('what led to what, across containers, hosts and tenants')
    .argument('<what>', 'a request id, or kind/name of an actor, with @revision for a moment of it')
    .action(async (what: string) => {
      const incident = await client().call<Incident>('GET', pathOf(what));
      if (format() === 'json') printJson(terminal, incident);
      else terminal.out(inWords(incident));
    });
}

/** @throws CommandFailed */
function pathOf(what: string): string {
  if (what.startsWith('req-')) return `/v1/incidents?request_id=${encodeURIComponent(what)}`;
  const [, kind = '', name = '', revision] = /^([a-z]+)\/(.+?)(?:@(\d+))?$/.exec(what) ?? [];
  if (!(actorKinds as readonly string[]).includes(kind))
    throw new CommandFailed(
      `"${what}" is no incident; write req-…, or kind/name[@revision] as host/h7@12`,
      2,
    );
  const query = revision === undefined ? '' : `?revision=${revision}`;
  return `/v1/${pluralOf(kind as ActorKind)}/${encodeURIComponent(name)}/incident${query}`;
}

function inWords({ steps, isCut }: Incident): string {
  const lines = readingOrder(steps).map(({ step, depth }) => {
    const { by, address, name, revision, at, event, from, to, refused, cause, isAsked } = step;
    const parts = address.split('/');
    const move = from.join() === to.join() ? 'stays' : `→ ${to.join(', ')}`;
    return [
      `${time(at)} ${isAsked ? '*' : ' '} ${'  '.repeat(depth)}${parts[0]} ${name ?? parts.at(-1)}@${revision}: `,
      `${eventInWords(event.type)}, ${refused === null ? move : `refused: ${refused}`}`,
      by === null ? ` (${causeOf(cause)})` : '',
    ].join('');
  });
  if (isCut) lines.push('… and more than is looked through at once.');
  return `${lines.join('\n')}\n`;
}
