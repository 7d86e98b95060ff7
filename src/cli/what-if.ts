/** `troupe what-if`: what events would lead to, with nothing sent. */
import { Option, type Command } from 'commander';
import { eventInWords } from '../chart/definition.ts';
import { readingOrder } from '../chart/steps.ts';
import { actorKinds, pluralOf, type ActorKind, type Address } from '../model/address.ts';
import { commandOf, type OfferedLifecycle } from '../model/lifecycle.ts';
import type { Trial, WhatIf, WhatIfActor } from '../model/what-if.ts';
import type { CommandContext } from './command-context.ts';
import { CommandFailed } from './command-failed.ts';
import { printJson } from './terminal.ts';

interface WhatIfOptions {
  readonly effects: string;
  readonly deadlines: string;
}

export function whatIfCommand(program: Command, { client, terminal, format }: CommandContext): void {
  /** `host/h7/drain`, `container/web/delete:stop`: the event as its actor offers it. */
  const trial = async (text: string): Promise<Trial> => {
    const [kind = '', id = '', words = ''] = text.split('/');
    const [verb, mode] = words.split(':');
    if (!(actorKinds as readonly string[]).includes(kind) || id === '' || !verb)
      throw new CommandFailed(
        `"${text}" is no event of an actor; write kind/name/event, as host/h7/drain`,
        2,
      );
    if (kind === 'host' && verb === 'lost') return { kind, id, event: { type: 'link.closed' } };
    const { allowedEvents } = await client().call<OfferedLifecycle>(
      'GET',
      `/v1/${pluralOf(kind as ActorKind)}/${encodeURIComponent(id)}/lifecycle`,
    );
    const offered = allowedEvents.map(commandOf);
    const found = offered.filter(
      (each) => each.type === `${kind}.${verb}` && (mode === undefined || Object.values(each).includes(mode)),
    );
    if (found.length === 1) return { kind, id, event: found[0]! };
    const known = (found.length > 0 ? found : offered).map(({ type, ...fields }) =>
      [type.slice(kind.length + 1), ...Object.values(fields).filter((each) => typeof each === 'string')].join(
        ':',
      ),
    );
    throw new CommandFailed(`${kind} "${id}" takes one of these: ${known.join(', ') || 'none'}`, 2);
  };

  program
    .command('what-if')
    .description('what events would lead to, tried out on copies; nothing is sent')
    .argument('<event...>', 'kind/name/event, e.g. host/h7/drain, host/h7/lost, container/web/delete:stop')
    .addOption(
      new Option('--effects <how>', 'what would be set off: taken to go well, or left to be waited for')
        .choices(['succeed', 'wait'])
        .default('succeed'),
    )
    .addOption(
      new Option('--deadlines <how>', 'let time pass when nothing else would happen')
        .choices(['wait', 'pass'])
        .default('wait'),
    )
    .action(async (texts: readonly string[], { effects, deadlines }: WhatIfOptions) => {
      const events: Trial[] = [];
      for (const text of texts) events.push(await trial(text));
      const query = new URLSearchParams({ effects, deadlines }).toString();
      const answer = await client().call<WhatIf>('POST', `/v1/what-if?${query}`, { events });
      if (format() === 'json') printJson(terminal, answer);
      else terminal.out(inWords(answer));
    });
}

function inWords({ steps, actors, isCut }: WhatIf): string {
  const names = new Map(actors.map((actor) => [actor.address, callOf(actor)]));
  const nameOf = (address: Address): string => names.get(address) ?? callOf({ address, name: null });
  const lines = readingOrder(steps).map(({ step, depth }) => {
    const { kind, address, event, answer, reason, from, to } = step;
    const what = kind === 'deadline' ? `${eventInWords(event.type)} (time passes)` : eventInWords(event.type);
    const move = from.join() === to.join() ? 'stays' : `→ ${to.join(', ')}`;
    const how = answer === 'accepted' ? move : `${answer}: ${reason ?? ''}`;
    return `${'  '.repeat(depth)}${nameOf(address)}: ${what}, ${how}`;
  });
  if (isCut) lines.push('… and more than is tried out at once.');
  lines.push('', actors.length === 0 ? 'Nothing would move.' : 'Then:');
  for (const actor of actors) {
    const status = actor.ends ? 'ended' : actor.status;
    const was = actor.begins ? 'begun' : actor.statusBefore;
    lines.push(
      `  ${callOf(actor)}: ${was === status ? status : `${was} → ${status}`} (${actor.to.join(', ')})`,
      ...actor.waitsFor.map(({ description }) => `    waits for ${description}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

const callOf = ({ address, name }: Pick<WhatIfActor, 'address' | 'name'>): string => {
  const parts = address.split('/');
  return `${parts[0]} ${name ?? parts.at(-1)}`;
};
