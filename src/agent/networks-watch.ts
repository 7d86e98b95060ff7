/** What this host can do of networks: looked at again while what it lacks may come, e.g. a plugin of its engine. */
import type { Cancel, Environment } from '../model/environment.ts';
import type { HostNetworks } from '../model/host.ts';

export type LookAtNetworks = (signal: AbortSignal) => Promise<HostNetworks>;

export interface NetworksWatchOptions {
  readonly environment: Environment;
  /** Null = nothing is said of them, ever. */
  readonly first: HostNetworks | null;
  /** Null = as they are, they stay. */
  readonly look: LookAtNetworks | null;
  readonly signal: AbortSignal;
  /** It is not as it was. */
  readonly changed: (networks: HostNetworks) => void;
}

export interface NetworksWatch {
  readonly current: HostNetworks | null;
  start(): void;
  stop(): void;
}

/** Nothing tells that a plugin has come. */
const pauseMs = 5_000;

export function watchNetworks({
  environment,
  first,
  look,
  signal,
  changed,
}: NetworksWatchOptions): NetworksWatch {
  let current = first;
  let cancel: Cancel = () => {};

  const again = async (): Promise<void> => {
    const seen = await look!(signal);
    if (signal.aborted) return;
    const before = current;
    current = seen;
    if (JSON.stringify(seen) !== JSON.stringify(before)) {
      environment.log.info(
        { able: seen.able, problem: seen.problem },
        'what this host can do of networks has changed',
      );
      changed(seen);
    }
    wait();
  };
  const wait = (): void => {
    if (look && current?.awaited) cancel = environment.schedule(pauseMs, () => void again());
  };

  return {
    get current() {
      return current;
    },
    start() {
      if (current?.awaited)
        environment.log.warn(
          { problem: current.problem },
          'no networks can be made here; looking for what is missing',
        );
      wait();
    },
    stop: () => cancel(),
  };
}
