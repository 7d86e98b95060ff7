/** The `troupe` command, put together from its parts; everything of the world comes by argument. */
import type { RootCommand } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import { Command, CommanderError, Option } from 'commander';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import { errorKinds } from '../errors/kinds.ts';
import { ApiError, type ClientOptions, type ClientTls } from './api-error.ts';
import { capsuleCommands } from './capsules.ts';
import { chartCommand } from './chart.ts';
import type { Client } from './client.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import { containerVerbs } from './container-verbs.ts';
import { containerCommands } from './containers.ts';
import { copyCommand } from './copy.ts';
import { incidentCommand } from './incident.ts';
import { hostCommands } from './hosts.ts';
import { imageCommands } from './images.ts';
import { networkCommands } from './networks.ts';
import { keystoneCommands } from './keystone.ts';
import { offerNames } from './completion.ts';
import { registryCommands } from './registries.ts';
import type { Roots } from './roots.ts';
import { runCommand } from './run.ts';
import { sessionCommands } from './sessions.ts';
import { tenantCommands } from './tenants.ts';
import { siteCommands } from './site.ts';
import type { Format, Keyboard, Terminal } from './terminal.ts';
import { watchCommand } from './watch.ts';
import { whatIfCommand } from './what-if.ts';

export interface ProgramOptions {
  readonly roots: Roots;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly keyboard: Keyboard;
  readonly readFile: (path: string) => string;
  readonly pause: (ms: number) => Promise<void>;
  readonly schedule: ClientOptions['schedule'];
  readonly onInterrupt: (handler: () => void) => () => void;
  readonly connect: (options: ClientOptions) => Client;
  /** Where the state is kept when nothing says otherwise; null = as the schema has it. */
  readonly defaultState: string | null;
  readonly usualFiles: readonly string[];
}

/** Usage errors, as everywhere. */
const usage = 2;

const about = `Containers on OpenStack hosts, each a supervised statechart actor.

Begin with:
  troupe up --detach          start Troupe on this machine
  troupe run --rm busybox echo hello
  troupe why NAME             where a container is, and what would move it`;

const epilogue = `
Names:       a container goes by its name, its id, or the beginning of its id.
Output:      tables for people, -o json for programs: the API's own objects, lists as arrays.
Settings:    flags over environment (TROUPE_SECTION__KEY) over file over defaults; see "troupe config".
Elsewhere:   TROUPE_URL and TROUPE_TOKEN (or TROUPE_TOKEN_FILE, TROUPE_CA_FILE) name a Troupe of another machine.
Exit codes:  0 done; 1 failed; 2 invalid; 3 not found; 4 not allowed; 5 conflict; 6 over quota; 7 not available;
             124 timed out; "run", "exec" and "attach" have the process's own, "run" 125 when it could not be run.
Completion:  source <(troupe complete bash)      also zsh, fish, powershell`;

/** Runs one command line. Resolves with its exit code; never rejects. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<number> {
  const { terminal } = options;
  let code = 0;
  const { program, completion, client } = createProgram(options, (wanted) => (code = wanted));
  try {
    if (argv[0] === 'complete' && argv[1] === '--')
      await offerNames(completion, argv.slice(2), client, options.pause);
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    if (error instanceof ApiError) {
      terminal.say(`troupe: ${error.message}${error.requestId ? ` (${error.requestId})` : ''}`);
      return error.exitCode;
    }
    if (error instanceof CommandFailed) {
      terminal.say(`troupe: ${error.message}`);
      return error.exitCode;
    }
    if (error instanceof TroupeError) {
      terminal.say(`troupe: ${error.message}`);
      return errorKinds[error.kind].exitCode;
    }
    terminal.say(`troupe: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return errorKinds.internal.exitCode;
  }
}

function createProgram(
  options: ProgramOptions,
  exit: (code: number) => void,
): { readonly program: Command; readonly completion: RootCommand; readonly client: () => Client } {
  const { roots, environment, terminal } = options;
  const program = new Command('troupe')
    .description(about)
    .version('0.1.0')
    .enablePositionalOptions()
    .addHelpText('after', epilogue)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.say(text.trimEnd()),
      getOutHasColors: () => terminal.colour,
      getErrHasColors: () => false,
    });

  for (const option of everywhere(program)) program.addOption(option);
  /** The command that is run, once that is known. */
  let running = program;
  program.hook('preAction', (_, command) => void (running = command));
  // What is said nearer to the end of the line counts; settings add up.
  const given = (): Everywhere => {
    const [before, after] = [program.opts<Everywhere>(), running.opts<Everywhere>()];
    return running === program
      ? before
      : { ...before, ...after, set: [...(before.set ?? []), ...(after.set ?? [])] };
  };

  let loaded: LoadedConfig | null = null;
  const config = (): LoadedConfig =>
    (loaded ??= loadConfig({
      flags: Object.fromEntries(
        (given().set ?? []).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
      ),
      environment,
      file: given().config ?? environment['TROUPE_CONFIG_FILE'] ?? null,
      usualFiles: options.usualFiles,
      defaults: options.defaultState === null ? {} : { 'state.directory': options.defaultState },
    }));

  const connect = (): Client => {
    const elsewhere = given().url ?? environment['TROUPE_URL'];
    const token = tokenGiven(options);
    const tls = authorityGiven(options, given().caFile);
    const { schedule } = options;
    if (elsewhere !== undefined && token !== undefined)
      return options.connect({ url: elsewhere.replace(/\/+$/, ''), token, tls, schedule });
    const settings = config().config;
    const here = roots.address(settings);
    const url = elsewhere?.replace(/\/+$/, '') ?? here.url;
    // This machine's token is for this machine's Troupe.
    if (token === undefined && url !== here.url && url !== settings.api.publicUrl)
      throw new TroupeError(
        'INVALID_CONFIG',
        `There is no token for ${url}; set TROUPE_TOKEN or TROUPE_TOKEN_FILE`,
      );
    return options.connect({
      url,
      token: token ?? roots.adminToken(settings),
      tls: tls ?? here.tls,
      schedule,
    });
  };

  let connected: Client | null = null;
  const client = (): Client => (connected ??= connect());

  const context: CommandContext = {
    client,
    config,
    format: () => given().output ?? 'table',
    terminal,
    keyboard: options.keyboard,
    readFile: options.readFile,
    roots,
    environment,
    globalArguments: () => [
      ...(given().config === undefined ? [] : ['--config', given().config!]),
      ...(given().set ?? []).flatMap((pair) => ['--set', pair]),
    ],
    pause: options.pause,
    onInterrupt: options.onInterrupt,
    exit,
  };
  program.commandsGroup('Containers:');
  runCommand(program, context);
  containerCommands(program, context);
  containerVerbs(program, context);
  capsuleCommands(program, context);
  sessionCommands(program, context);
  copyCommand(program, context);
  watchCommand(program, context);
  program.commandsGroup('Site:');
  siteCommands(program, context);
  hostCommands(program, context);
  networkCommands(program, context);
  imageCommands(program, context);
  registryCommands(program, context);
  tenantCommands(program, context);
  keystoneCommands(program, context);
  chartCommand(program, context);
  whatIfCommand(program, context);
  incidentCommand(program, context);
  everyCommand(program, (command) => {
    if (command === program) return;
    command.showHelpAfterError(`See "${pathOf(command)} --help".`);
    for (const option of everywhere(program)) command.addOption(option.helpGroup('Everywhere:'));
  });
  program.commandsGroup('Shell:');
  // Adds "complete": troupe complete bash|zsh|fish|powershell prints the script to source.
  const completion = tab(program);
  everyCommand(program, (command) => command.exitOverride().configureOutput(program.configureOutput()));
  return { program, completion, client };
}

/** Options that go before the command and behind it alike. */
interface Everywhere {
  readonly output?: Format;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly url?: string;
  readonly caFile?: string;
}

const everywhere = (program: Command): readonly Option[] => [
  new Option('-o, --output <format>', 'how lists and objects are written; table if not said').choices([
    'table',
    'json',
  ]),
  new Option('--config <file>', 'configuration file (TROUPE_CONFIG_FILE)'),
  new Option('--set <section.key=value>', 'one setting, before all others; may be given again').argParser(
    (pair: string, before: readonly string[] = []) => {
      if (!/^[^=]+=/.test(pair)) program.error(`error: --set wants section.key=value, not "${pair}"`);
      return [...before, pair];
    },
  ),
  new Option('--url <url>', 'where the API is (TROUPE_URL)'),
  new Option('--ca-file <file>', 'PEM authority that signed the API’s certificate (TROUPE_CA_FILE)'),
];

function tokenGiven({ environment, readFile }: ProgramOptions): string | undefined {
  const file = environment['TROUPE_TOKEN_FILE'];
  return (
    environment['TROUPE_TOKEN'] ?? (file ? readGiven(readFile, 'TROUPE_TOKEN_FILE', file).trim() : undefined)
  );
}

function authorityGiven(
  { environment, readFile }: ProgramOptions,
  flag: string | undefined,
): ClientTls | null {
  const file = flag ?? environment['TROUPE_CA_FILE'];
  return file ? { ca: readGiven(readFile, flag ? '--ca-file' : 'TROUPE_CA_FILE', file) } : null;
}

function readGiven(readFile: (path: string) => string, name: string, path: string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw new TroupeError('INVALID_CONFIG', `"${name}" can't be read: ${(error as Error).message}`);
  }
}

const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const each of command.commands) everyCommand(each, change);
}
