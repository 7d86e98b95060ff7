/**
 * A bridge driver in a process of its own that kills itself at a chosen
 * command: before it, or, where a command is a batch of lines, after some of
 * them. `node driver-process.js <namespace> <uplink> <at> <calls as JSON>`
 *
 * Prints how many places to die at it came by.
 */
import { createBridgeNetworkDriver } from '../../../src/drivers/network/bridge-network.ts';
import type { CommandOptions, Host } from '../../../src/drivers/host.ts';
import type { NetworkDriver } from '../../../src/drivers/network/network-driver.ts';
import { hostInside } from '../../support/namespaces.ts';

export interface DriverCall {
  readonly method: 'ensureNetwork' | 'removeNetwork' | 'plug' | 'unplug' | 'publish' | 'unpublish' | 'sweep';
  readonly argument: unknown;
}

const [, , namespace = '', uplink = '', at = '', calls = ''] = process.argv;
const deadly = Number(at);
let places = 0;

const isDeadly = (): boolean => (places += 1) === deadly;
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing may be done after it.
  for (;;);
};

function dyingHost(host: Host): Host {
  return {
    ...host,
    async run(program, args, options) {
      if (isDeadly()) die();
      if (args.includes('-batch')) await runLines(host, program, args, options);
      return host.run(program, args, options);
    },
    async writeSetting(path, value) {
      if (isDeadly()) die();
      await host.writeSetting(path, value);
    },
  };
}

/** Dies after one of the lines but the last, with the earlier ones done. */
async function runLines(
  host: Host,
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const lines = (options.input ?? '').split('\n').filter((line) => line !== '');
  for (let done = 1; done < lines.length; done++) {
    if (!isDeadly()) continue;
    await host.run(program, args, { ...options, input: `${lines.slice(0, done).join('\n')}\n` });
    die();
  }
}

const driver = createBridgeNetworkDriver({ host: dyingHost(hostInside(namespace)), uplinks: [uplink] });
const signal = AbortSignal.timeout(60_000);
for (const { method, argument } of JSON.parse(calls) as readonly DriverCall[])
  await (driver[method] as (argument: unknown, signal: AbortSignal) => ReturnType<NetworkDriver['plug']>)(
    argument,
    signal,
  );
process.stdout.write(String(places));
