/** What the command line asks of this machine; `main/` carries it out. */
import type { Config } from '../config/schema.ts';
import type { ClientOptions } from './client.ts';

export interface DoctorFinding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it; null when all is well. */
  readonly fix: string | null;
}

export interface Roots {
  /** Control plane and agent in this process, until a signal ends it. */
  up(config: Config, parts: 'all' | 'control-plane'): Promise<void>;
  /** The same as a process of its own; resolves with its pid once it is ready. Tells progress. */
  upDetached(
    config: Config,
    flags: Readonly<Record<string, string>>,
    parts: 'all' | 'control-plane',
    say: (text: string) => void,
  ): Promise<number>;
  /** Ends what `upDetached` began; false when nothing ran. */
  down(config: Config): Promise<boolean>;
  /** A host agent in this process, until a signal ends it. */
  agent(config: Config, joinToken: string | null): Promise<void>;
  /** The agent's host belongs to the world of this control plane from now on. */
  adopt(config: Config, worldId: string): Promise<void>;
  copyStore(from: Config, to: Config): Promise<void>;
  doctor(config: Config): Promise<readonly DoctorFinding[]>;
  /** Where the API is and the admin's token, from the state directory. @throws TroupeError INVALID_CONFIG */
  connection(config: Config): ClientOptions;
  readonly tokenFile: (config: Config) => string;
}
