/** `troupe watch`: every change as it happens, for people or as JSON lines. */
import { Option, type Command } from 'commander';
import colours from 'picocolors';
import { actorKinds } from '../model/address.ts';
import type { CommandContext } from './command-context.ts';
import { time } from './explain.ts';
import type { Watched, WatchFrame, WatchSnapshotItem } from '../model/watch.ts';

const kinds: readonly string[] = actorKinds;

interface WatchOptions {
  readonly allProjects?: boolean;
  readonly id?: string;
  readonly kind?: readonly string[];
  readonly from?: string;
}

export function watchCommand(program: Command, { client, terminal, format }: CommandContext): void {
  program
    .command('watch')
    .description('follow every change as it happens; with -o json, one frame of WS /v1/watch a line')
    .option('-a, --all-projects', 'of all projects (admins)')
    .option('--id <id>', 'of one actor')
    .addOption(
      new Option('--kind <kind>', 'of this kind; may be given again')
        .choices(kinds)
        .argParser((value: string, before: readonly string[] = []) => {
          if (!kinds.includes(value))
            program.error(`error: --kind must be one of ${kinds.join(', ')}, not "${value}"`);
          return [...before, value];
        }),
    )
    .option('--from <position>', 'only what came after this position')
    .addHelpText('after', '\nA connection that is lost is taken up again after its last position.')
    .action(async ({ allProjects, id, kind, from }: WatchOptions) => {
      const wish = {
        allProjects: allProjects === true,
        ...(id === undefined ? {} : { id }),
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(from === undefined ? {} : { from }),
      };
      const frame = (told: WatchFrame, text: string): void => {
        if (format() === 'json') terminal.out(`${text}\n`);
        else for (const line of linesOf(told, terminal.colour)) terminal.out(`${line}\n`);
      };
      const say = (text: string): void => terminal.say(`troupe: ${text}`);
      await client().watch(wish, { frame, say }, new AbortController().signal);
    });
}

function linesOf(frame: WatchFrame, colour: boolean): readonly string[] {
  const { bold, dim } = colours.createColors(colour);
  const name = ({ kind, id }: Pick<Watched<WatchSnapshotItem>, 'kind' | 'id'>): string =>
    `${kind} ${bold(id)}`;
  const because = ({ reason }: Pick<WatchSnapshotItem, 'reason'>): string =>
    reason ? ` ${dim(`(${reason})`)}` : '';
  if (frame.type === 'hello') return [];
  if (frame.type === 'snapshot')
    return frame.items.map(
      (item) => `${name(item)} is ${item.status}, ${item.statePaths.join(', ')}${because(item)}`,
    );
  const { at, event, from, to, status, ended } = frame;
  const moved =
    from.join() === to.join() ? `stays ${to.join(', ')}` : `${from.join(', ')} → ${to.join(', ')}`;
  return [`${time(at)} ${name(frame)} ${ended ? 'ended' : status}: ${event}, ${moved}${because(frame)}`];
}
