/** Options of `troupe run` that say how a container's health is checked. */
import type { Command } from 'commander';
import { CommandFailed } from './command-failed.ts';

export interface HealthOptions {
  readonly healthCmd?: string;
  readonly healthHttp?: string;
  readonly healthTcp?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthRetries?: string;
  readonly healthStartPeriod?: string;
  readonly healthSuccesses?: string;
}

const usageError = 2;

export const withHealthOptions = (command: Command): Command =>
  command
    .option('--health-cmd <command>', 'it is healthy while this shell command in it exits with 0')
    .option('--health-http <:port[/path]>', 'it is healthy while a GET there answers 200 to 399')
    .option('--health-tcp <port>', 'it is healthy while a connection there is accepted')
    .option('--health-interval <seconds>', 'before the first check and between two (default 30)')
    .option('--health-timeout <seconds>', 'a check that takes longer has failed (default 30)')
    .option('--health-retries <n>', 'failures in a row that make it unhealthy (default 3)')
    .option('--health-start-period <seconds>', 'failures that soon after its start do not count')
    .option('--health-successes <n>', 'passes in a row that make it healthy (default 1)');

/** What was asked, as the API takes it; null when nothing was. */
export function healthCheckOf(options: HealthOptions): object | null {
  const { healthCmd: cmd, healthHttp: http, healthTcp: tcp } = options;
  const timing = present({
    interval: options.healthInterval,
    timeout: options.healthTimeout,
    retries: options.healthRetries,
    start_period: options.healthStartPeriod,
    success_threshold: options.healthSuccesses,
  });
  const asked = [cmd, http, tcp].filter((each) => each !== undefined).length;
  if (asked > 1)
    throw new CommandFailed('--health-cmd, --health-http and --health-tcp exclude each other', usageError);
  if (asked === 0) {
    if (Object.keys(timing).length === 0) return null;
    throw new CommandFailed('Say what is checked: --health-cmd, --health-http or --health-tcp', usageError);
  }
  if (cmd !== undefined) return { cmd, ...timing };
  if (tcp !== undefined) return { type: 'tcp', port: tcp.replace(/^:/, ''), ...timing };
  const [, port, path] = /^:?(\d+)(\/.*)?$/.exec(http ?? '') ?? [];
  if (port === undefined)
    throw new CommandFailed(
      `--health-http wants :port or :port/path, such as :80/healthz, not "${http}"`,
      usageError,
    );
  return { type: 'http', port, ...present({ path }), ...timing };
}

const present = (given: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
