/** The `troupe` command, put together from its parts; everything of the world comes by argument. */
import tab from '@bomb.sh/tab/commander';
import { Command, CommanderError, Option } from 'commander';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import { errorKinds } from '../errors/kinds.ts';
import { ApiError, createClient, type Client } from './client.ts';
import { containerCommands } from './containers.ts';
import type { Roots } from './roots.ts';
import { siteCommands } from './site.ts';
import type { Format, Terminal } from './terminal.ts';

export interface ProgramOptions {
  readonly roots: Roots;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly readFile: (path: string) => string;
  readonly pause: (ms: number) => Promise<void>;
  /** Where the state is kept when nothing says otherwise. */
  readonly defaultState: string;
  readonly usualFiles: readonly string[];
}

/** Usage errors, as everywhere. */
const usage = 2;

/** Runs one command line. Resolves with its exit code; never rejects. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<number> {
  const { roots, environment, terminal } = options;
  let code = 0;
  let loaded: LoadedConfig | null = null;

  const program = new Command('troupe')
    .description(
      'Containers on OpenStack hosts, each a supervised statechart actor.\n\nExamples:\n  troupe up --detach\n  troupe run --name web busybox httpd -f\n  troupe why web',
    )
    .version('0.1.0')
    .enablePositionalOptions()
    .addOption(
      new Option('-o, --output <format>', 'how lists and objects are written')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--config <file>', 'configuration file')
    .addOption(
      new Option('--set <section.key=value>', 'one setting, before all others; may be given again').argParser(
        (pair: string, before: string[] = []) => [...before, pair],
      ),
    )
    .option('--url <url>', 'where the API is (TROUPE_URL)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.say(text.trimEnd()),
    });

  const given = () => program.opts<{ output: Format; config?: string; set?: string[]; url?: string }>();
  const flags = (): Readonly<Record<string, string>> => ({
    ...(environment['TROUPE_STATE__DIRECTORY']
      ? {}
      : options.defaultState
        ? { 'state.directory': options.defaultState }
        : {}),
    ...Object.fromEntries(
      (given().set ?? []).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
    ),
  });
  const config = (): LoadedConfig =>
    (loaded ??= loadConfig({
      flags: flags(),
      environment,
      file: given().config ?? null,
      usualFiles: options.usualFiles,
    }));
  const client = (): Client => {
    const url = given().url ?? environment['TROUPE_URL'];
    const tokenFile = environment['TROUPE_TOKEN_FILE'];
    const token = environment['TROUPE_TOKEN'] ?? (tokenFile ? options.readFile(tokenFile).trim() : undefined);
    if (url && token) return createClient({ url, token });
    const here = roots.connection(config().config);
    return createClient({ url: url ?? here.url, token: token ?? here.token });
  };
  const exit = (wanted: number): void => void (code = wanted);
  const format = (): Format => given().output;

  containerCommands(program, { client, terminal, format, pause: options.pause, exit });
  siteCommands(program, { roots, client, config, flags, environment, terminal, format, exit });
  // Adds "complete": troupe complete bash|zsh|fish|powershell prints the script to source.
  tab(program);
  everyCommand(program, (command) => command.exitOverride().configureOutput(program.configureOutput()));

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    if (error instanceof ApiError) {
      terminal.say(`troupe: ${error.message}${error.requestId ? ` (${error.requestId})` : ''}`);
      return (error as { code?: number }).code ?? error.exitCode;
    }
    if (error instanceof TroupeError) {
      terminal.say(`troupe: ${error.message}`);
      return errorKinds[error.kind].exitCode;
    }
    terminal.say(`troupe: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  }
}

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const each of command.commands) everyCommand(each, change);
}
