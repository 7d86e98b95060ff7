/** What the shell is told of a half-written line, beyond commands and options: the names of what is there. */
import type { RootCommand } from '@bomb.sh/tab';
import type { Client } from './client.ts';

/** A shell that waits is worse than one that offers nothing. */
const namesMs = 500;

/** The list behind an argument of this name. */
const lists = {
  container: { path: '/v1/containers', key: 'containers', nameOf: 'name' },
  capsule: { path: '/v1/capsules', key: 'capsules', nameOf: 'name' },
  host: { path: '/v1/hosts', key: 'hosts', nameOf: 'hostname' },
} as const;

/**
 * Looks up what the arguments of the command in `words` may name. Nothing is
 * offered when nobody answers soon.
 *
 * @param words the line so far, without the program's name
 */
export async function offerNames(
  completion: RootCommand,
  words: readonly string[],
  client: () => Client,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const plain = words.filter((word) => !word.startsWith('-'));
  const command =
    completion.commands.get(plain.slice(0, 2).join(' ')) ?? completion.commands.get(plain[0] ?? '');
  for (const argument of command?.arguments.values() ?? []) {
    const list = lists[argument.name as keyof typeof lists];
    if (!list) continue;
    const items = await Promise.race([
      Promise.resolve()
        .then(() => client().list<Readonly<Record<string, unknown>>>(list.path, list.key))
        .catch(() => []),
      pause(namesMs).then(() => []),
    ]);
    argument.handler = (complete) => {
      for (const item of items)
        complete(String(item[list.nameOf]), String(item['status'] ?? item['state'] ?? ''));
    };
  }
}
