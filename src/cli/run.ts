/** `troupe run`: a container made and started, and in the foreground its output and exit code. */
import type { Command } from 'commander';
import { ApiError } from './api-error.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import type { ContainerView } from './container-view.ts';
import { usualDetachKeys } from './detach-keys.ts';
import { follow } from './follow.ts';
import { healthCheckOf, withHealthOptions, type HealthOptions } from './health-options.ts';
import { attachTo, keysOf } from './sessions.ts';
import { printJson } from './terminal.ts';

interface RunOptions extends HealthOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detachKeys: string;
  readonly detach?: boolean;
  readonly name?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly env?: readonly string[];
  readonly label?: readonly string[];
  readonly restart?: string;
  readonly rm?: boolean;
  readonly entrypoint?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  readonly host?: string;
  readonly pull?: string;
  readonly registry?: string;
  readonly imageDriver?: string;
  readonly net?: readonly string[];
  readonly port?: readonly string[];
  readonly securityGroup?: readonly string[];
  readonly volume?: readonly string[];
  readonly mount?: readonly string[];
  readonly publish?: readonly string[];
  readonly idempotencyKey?: string;
}

/** As Docker's client: our own failure, apart from the container's exit code. */
const ourFailure = 125;
/** 128 + SIGINT, as a shell has it. */
const interrupted = 130;
const usageError = 2;
/** For the rest of the output of a container that has ended. */
const outputMs = 10_000;

export function runCommand(program: Command, context: CommandContext): void {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  const run = program
    .command('run')
    .description(
      'create a container and start it; in the foreground its output is shown, and its exit code is ours',
    )
    .argument('<image>', 'reference of the image, e.g. busybox:latest')
    .argument('[command...]', 'in place of the one of the image')
    .option('-d, --detach', 'return once it runs, and print its id')
    .option('-i, --interactive', 'with -t: what is typed here is its stdin')
    .option('-t, --tty', 'with -i: with a terminal')
    .option('--detach-keys <keys>', 'leave its terminal by these, and it runs on', usualDetachKeys)
    .option('--name <name>', 'its name; one is made up otherwise')
    .option('--cpu <cpus>', 'CPUs, e.g. 0.5')
    .option('--memory <mib>', 'memory in MiB')
    .option(
      '-e, --env <name=value>',
      'environment; a name alone takes the value from here; may be given again',
      collect,
    )
    .option('-l, --label <name=value>', 'label; may be given again', collect)
    .option('--restart <policy[:n]>', 'no, always, unless-stopped, on-failure[:most restarts]')
    .option('--rm', 'remove it when it has ended')
    .option('--entrypoint <program>', 'in place of the one of the image')
    .option('-w, --workdir <path>', 'working directory inside')
    .option('--hostname <name>', 'hostname inside')
    .option('--host <host>', 'run it on this host (admins)')
    .option('--pull <policy>', 'always, ifnotpresent, never')
    .option('--registry <registry>', 'name or id of the registry whose login its image is pulled with')
    .option('--image-driver <driver>', 'docker: from a registry; glance: from the cloud’s images')
    .option(
      '--net <network[:address]>',
      'a network of this project, with an address of one’s choice, IPv4, IPv6 or both (10.0.0.7,fd00::7); may be given again',
      collect,
    )
    .option('--port <port>', 'a port of Neutron’s, which is given back; may be given again', collect)
    .option(
      '--security-group <group>',
      'of its ports of Neutron, the project’s default one otherwise; may be given again',
      collect,
    )
    .option('-v, --volume <volume:path[:ro]>', 'a volume of this project; may be given again', collect)
    .option(
      '--mount <gib:path>',
      'a new volume of this size, which goes with it; may be given again',
      collect,
    )
    .option(
      '-p, --publish <[host-port:]port[/udp]>',
      'reach a port of it at its host, at a free one where none or 0 is named; "show" says which',
      collect,
    )
    .option('--idempotency-key <key>', 'the same key makes the same container once');
  withHealthOptions(run)
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Ctrl-C stops it; a second Ctrl-C leaves it. Exit code ${ourFailure} means that it could not be run.

Examples:
  troupe run --rm busybox echo hello
  troupe run -it --rm busybox sh
  troupe run -d --name web -e GREETING=hi --restart on-failure:3 busybox httpd -f`,
    )
    .action(async (image: string, command: string[], options: RunOptions) => {
      const { interactive = false, tty = false } = options;
      const detachKeys = keysOf(options);
      // Engines don't hand on the end of a main process's stdin without ending it for everyone.
      if (interactive !== tty)
        throw new CommandFailed('-i and -t go together here; "troupe exec -i" hands on a stdin', usageError);
      if (tty && options.detach !== true && !context.keyboard.isTerminal)
        throw new CommandFailed('-t needs a terminal to type at; leave it out', usageError);
      const body = createBody(image, command, options, context.environment);
      const headers = options.idempotencyKey ? { 'idempotency-key': options.idempotencyKey } : {};
      const create = (): Promise<ContainerView> =>
        context.client().call<ContainerView>('POST', '/v1/containers?run=true', body, headers);
      if (options.detach) return detached(context, await create());
      context.exit(await attached(context, create, options.rm === true, interactive ? detachKeys : null));
    });
}

async function detached(context: CommandContext, made: ContainerView): Promise<void> {
  const { terminal } = context;
  terminal.say(`${made.name} (${made.uuid})`);
  const view = await follow(context, made, ({ status }) => ['Running', 'Stopped', 'Error'].includes(status));
  if (view?.status === 'Error') throw failed(view);
  if (context.format() === 'json') printJson(terminal, view ?? made);
  else terminal.out(`${made.uuid}\n`);
}

/**
 * Until the container has ended, or was left; resolves with its exit code.
 * @param detachKeys of one whose stdin is ours; null = it has none
 */
async function attached(
  context: CommandContext,
  create: () => Promise<ContainerView>,
  remove: boolean,
  detachKeys: readonly number[] | null,
): Promise<number> {
  const { terminal, client, pause } = context;
  const left = new AbortController();
  let made: ContainerView | null = null;
  let interrupts = 0;
  const stop = (view: ContainerView): void => {
    terminal.say(`stopping ${view.name}; Ctrl-C again leaves it`);
    client()
      .call('POST', `/v1/containers/${view.uuid}/stop`)
      .catch((error: Error) => terminal.say(`troupe: ${error.message}`));
  };
  const release = context.onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) left.abort();
    else if (made) stop(made);
  });
  try {
    made = await create();
    const { name, uuid, tty } = made;
    terminal.say(`${name} (${uuid})`);
    if (interrupts > 0) stop(made);
    const path = `/v1/containers/${uuid}`;

    // Each run's output once, one run after the other.
    let shownRun: string | null = null;
    let output: Promise<void> = Promise.resolve();
    const show = async (): Promise<void> => {
      const { started_at: run } = await client().call<ContainerView>('GET', path);
      if (run === null || run === shownRun) return;
      const since = shownRun === null ? '' : `&since=${encodeURIComponent(zunTime(run))}`;
      shownRun = run;
      const chunks = await client().stream(`${path}/logs?follow=true${since}`, left.signal);
      for await (const chunk of chunks) terminal.out(chunk);
    };
    let isDetached = false;
    /** The first run is ours to type at; one that has ended before is shown as it was. */
    const attach = async (keys: readonly number[]): Promise<void> => {
      const { started_at: run } = await client().call<ContainerView>('GET', path);
      if (shownRun !== null) return show();
      try {
        shownRun = run;
        const outcome = await attachTo(context, { uuid, tty }, true, keys);
        if (!outcome.left) return;
        isDetached = true;
        left.abort();
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 409) throw error;
        shownRun = null;
      }
    };
    const shown = (isRunning: boolean): void =>
      void (output = output
        .then(() => (detachKeys && isRunning ? attach(detachKeys) : show()))
        .catch((error: Error) => {
          if (!left.signal.aborted)
            terminal.say(`troupe: the output was cut: ${error.message}; "troupe logs -f ${name}" shows it`);
        }));

    const view = await follow(
      context,
      made,
      ({ status, taskState }) => {
        if (['Running', 'Stopped'].includes(status)) shown(status === 'Running');
        const isOver = ['Stopped', 'Error', 'Unknown'].includes(status);
        return taskState === null && (isOver || (status === 'Created' && interrupts > 0));
      },
      left.signal,
    );
    if (isDetached) {
      terminal.say(`left ${name}; it runs on`);
      return 0;
    }
    if (left.signal.aborted) {
      terminal.say(`left ${name}; it is being stopped`);
      return interrupted;
    }
    await Promise.race([output, pause(outputMs)]);
    if (!view)
      throw new CommandFailed(`"${name}" was removed meanwhile, and its exit code with it`, ourFailure);
    if (view.status === 'Unknown')
      throw new CommandFailed(
        `The host of "${name}" is not heard any more; see "troupe why ${name}"`,
        ourFailure,
      );
    // By us, and only now: removed at once, its output and exit code would be gone before we had them.
    if (remove) await client().call('DELETE', `${path}?stop=true`);
    if (view.status === 'Error') throw failed(view);
    return view.exit_code ?? interrupted;
  } finally {
    release();
    left.abort();
  }
}

const failed = ({ name, status_reason: reason }: ContainerView): CommandFailed =>
  new CommandFailed(
    `"${name}" failed: ${reason ?? 'it is not known why'}; see "troupe why ${name}"`,
    ourFailure,
  );

/** `YYYY-MM-DD HH:MM:SS,fff`, as Zun takes times. */
const zunTime = (iso: string): string => iso.replace('T', ' ').replace('.', ',').replace('Z', '');

/** What was asked, in the API's words. What isn't right in it, the API says. */
function createBody(
  image: string,
  command: readonly string[],
  options: RunOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const { restart, cpu, memory, entrypoint, workdir, hostname, name, host, pull, registry, imageDriver } =
    options;
  const [policy, count] = (restart ?? '').split(':');
  const healthcheck = healthCheckOf(options);
  const given = {
    name,
    memory,
    workdir,
    hostname,
    host,
    image_pull_policy: pull,
    registry,
    image_driver: imageDriver,
  };
  return {
    image,
    command,
    environment: pairs(options.env, (variable) => {
      const value = environment[variable];
      if (value === undefined)
        throw new CommandFailed(`--env ${variable} has no value, and there is none here to take`, usageError);
      return value;
    }),
    labels: pairs(options.label, () => ''),
    auto_remove: options.rm === true && options.detach === true,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(options.interactive === true ? { interactive: true, tty: true } : {}),
    ...(cpu === undefined ? {} : { cpu: Number.isNaN(Number(cpu)) ? cpu : Number(cpu) }),
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...list('nets', [...(options.net ?? []).map(netOf), ...(options.port ?? []).map((port) => ({ port }))]),
    ...list('security_groups', options.securityGroup),
    ...list('mounts', [...(options.volume ?? []).map(volumeOf), ...(options.mount ?? []).map(mountOf)]),
    ...(healthcheck ? { healthcheck } : {}),
    ...(options.publish ? { exposed_ports: Object.fromEntries(options.publish.map(portOf)) } : {}),
    ...(policy ? { restart_policy: { Name: policy, MaximumRetryCount: count ?? '0' } } : {}),
  };
}

function list(key: string, given: readonly unknown[] = []): object {
  return given.length > 0 ? { [key]: given } : {};
}

function netOf(given: string): object {
  const [, network, addresses] = /^([^:]*)(?::(.*))?$/s.exec(given)!;
  const fixed = (addresses?.split(',') ?? []).map((address) => [
    address.includes(':') ? 'v6-fixed-ip' : 'v4-fixed-ip',
    address,
  ]);
  return { network, ...Object.fromEntries(fixed) };
}

function volumeOf(given: string): object {
  const [source, destination, mode] = given.split(':');
  if (!source || !destination || (mode !== undefined && mode !== 'ro'))
    throw new CommandFailed(`--volume wants volume:path or volume:path:ro, not "${given}"`, usageError);
  return { source, destination, ...(mode === 'ro' ? { read_only: true } : {}) };
}

function mountOf(given: string): object {
  const [size, destination] = given.split(':');
  if (!size || !destination)
    throw new CommandFailed(`--mount wants gib:path, such as 1:/data, not "${given}"`, usageError);
  return { size, destination };
}

function portOf(given: string): readonly [string, object] {
  const [first = '', second] = given.split(':');
  return second === undefined ? [first, {}] : [second, { host_port: first }];
}

function pairs(
  given: readonly string[] | undefined,
  missing: (name: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (given ?? []).map((pair) => {
      const [name = '', value] = pair.split(/=(.*)/s);
      return [name, value ?? missing(name)];
    }),
  );
}
