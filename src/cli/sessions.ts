/** `troupe exec` and `troupe attach`: a terminal here for a process there. */
import type { Command } from 'commander';
import { quote } from 'shlex';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import type { ContainerView } from './container-view.ts';
import { createTargets } from './container-target.ts';
import { createDetachFilter, parseDetachKeys, usualDetachKeys } from './detach-keys.ts';
import type { SessionConnection } from './session-stream.ts';

import type { TerminalSize } from './terminal.ts';

const usage = 2;

interface SessionOptions {
  /** Told its size, and typed at in raw mode. */
  readonly tty: boolean;
  readonly takesInput: boolean;
  /** The end of what is typed is that of the process's stdin. */
  readonly endsInput: boolean;
  /** Null where it can't be left by keys. */
  readonly detachKeys: readonly number[] | null;
  readonly resize: (size: TerminalSize) => Promise<unknown>;
}

/** `left`: by its keys; the process goes on. */
export type Outcome = { readonly left: boolean; readonly exitCode: number | null };

export function sessionCommands(program: Command, context: CommandContext): void {
  const { client, terminal, keyboard, exit } = context;
  const { find } = createTargets(context);

  program
    .command('exec')
    .description('run a command in a container; exits as it does')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('<command...>')
    .option('-i, --interactive', 'what is typed here is its stdin')
    .option('-t, --tty', 'with a terminal')
    .option('--detach-keys <keys>', 'leave a terminal by these', usualDetachKeys)
    .passThroughOptions()
    .addHelpText('after', '\nExample:\n  troupe exec -it web sh')
    .action(async (container: string, words: readonly string[], options: ExecOptions) => {
      const { interactive = false, tty = false } = options;
      const detachKeys = keysOf(options);
      if (interactive && tty && !keyboard.isTerminal)
        throw new CommandFailed('--tty needs a terminal to type at; leave it out', usage);
      const { uuid, name } = await find(container);
      const path = `/v1/containers/${uuid}`;
      const body = { command: words.map(quote).join(' '), run: false, interactive, tty };
      const { exec_id: execId, proxy_url: url } = await client().call<{ exec_id: string; proxy_url: string }>(
        'POST',
        `${path}/execute`,
        body,
      );
      const resize = ({ rows, columns }: TerminalSize): Promise<unknown> =>
        client().call('POST', `${path}/execute_resize?exec_id=${execId}&h=${rows}&w=${columns}`);
      const size = tty ? terminal.size() : null;
      if (size) await resize(size);
      const { left, exitCode } = await take(context, await client().session(url), {
        tty,
        takesInput: interactive,
        endsInput: true,
        detachKeys: tty ? detachKeys : null,
        resize,
      });
      if (left) return terminal.say(`left the command in ${name}; it goes on`);
      exit(known(exitCode));
    });

  program
    .command('attach')
    .description('be at the terminal of a container, or at its stdin and output; exits as it does')
    .argument('<container>', 'name, id, or the beginning of an id')
    .option('--no-stdin', 'only see')
    .option('--detach-keys <keys>', 'leave it by these', usualDetachKeys)
    .addHelpText('after', '\nIt must have been created to be attached to; "troupe logs -f" follows any.')
    .action(async (container: string, options: AttachOptions) => {
      const detachKeys = keysOf(options);
      const view = await find(container);
      const { left, exitCode } = await attachTo(context, view, options.stdin, detachKeys);
      if (left) return terminal.say(`left ${view.name}; it runs on`);
      exit(known(exitCode));
    });

  function known(exitCode: number | null): number {
    if (exitCode !== null) return exitCode;
    throw new CommandFailed('It has ended, and its exit code is not known', 1);
  }
}

/** Is at the main process until that ends or is left. @throws ApiError */
export async function attachTo(
  context: Pick<CommandContext, 'client' | 'terminal' | 'keyboard'>,
  { uuid, tty }: Pick<ContainerView, 'uuid' | 'tty'>,
  takesInput: boolean,
  detachKeys: readonly number[],
): Promise<Outcome> {
  const { client, terminal, keyboard } = context;
  const path = `/v1/containers/${uuid}`;
  const connection = await client().session(await client().call<string>('GET', `${path}/attach`));
  const resize = ({ rows, columns }: TerminalSize): Promise<unknown> =>
    client().call('POST', `${path}/resize?h=${rows}&w=${columns}`);
  const size = tty ? terminal.size() : null;
  if (size) {
    // A size that changes makes what runs there draw itself anew. What has ended meanwhile says so by its end.
    await resize({ ...size, rows: size.rows + 1 }).catch(() => {});
    await resize(size).catch(() => {});
  }
  return take(context, connection, {
    tty: tty && keyboard.isTerminal,
    takesInput,
    endsInput: false,
    detachKeys: tty ? detachKeys : null,
    resize,
  });
}

interface ExecOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detachKeys: string;
}

interface AttachOptions {
  readonly stdin: boolean;
  readonly detachKeys: string;
}

/** @throws CommandFailed */
export function keysOf({ detachKeys }: { readonly detachKeys: string }): readonly number[] {
  try {
    return parseDetachKeys(detachKeys);
  } catch (error) {
    throw new CommandFailed(`--detach-keys: ${(error as Error).message}`, usage);
  }
}

/** Until the process ends or is left. @throws ApiError when the session fails */
async function take(
  { terminal, keyboard }: Pick<CommandContext, 'terminal' | 'keyboard'>,
  connection: SessionConnection,
  { tty, takesInput, endsInput, detachKeys, resize }: SessionOptions,
): Promise<Outcome> {
  const cook = tty && takesInput && keyboard.isTerminal ? keyboard.raw() : () => {};
  const unsubscribe = tty
    ? terminal.onResize(() => {
        const size = terminal.size();
        // One that comes too late changes nothing.
        if (size) resize(size).catch(() => {});
      })
    : () => {};
  let isLeft = false;

  const giveInput = async (): Promise<void> => {
    const filter = detachKeys && createDetachFilter(detachKeys);
    for await (const bytes of keyboard.bytes) {
      const { pass, detached } = filter ? filter.feed(bytes) : { pass: bytes, detached: false };
      if (pass.length > 0) await connection.send(pass);
      if (!detached) continue;
      isLeft = true;
      return connection.leave();
    }
    if (endsInput) connection.endInput();
  };
  try {
    // What is typed is waited for only as long as there is somebody to read it.
    const failed = new Promise<never>((_, reject) => {
      if (takesInput) giveInput().catch(reject);
    });
    const shown = async (): Promise<number | null> => {
      for await (const bytes of connection.output) {
        terminal.out(bytes);
        await terminal.drained();
      }
      return connection.ended;
    };
    const exitCode = await Promise.race([shown(), failed]);
    return { left: isLeft, exitCode };
  } finally {
    unsubscribe();
    cook();
  }
}
