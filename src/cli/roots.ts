/** What the command line asks of this machine; `main/` carries it out. */
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { ClientTls } from './api-error.ts';

export interface DoctorFinding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it; null when all is well. */
  readonly fix: string | null;
}

/** The whole of Troupe, or the control plane without an agent of this host. */
export type Parts = 'all' | 'control-plane';

export interface BootstrapWish {
  readonly user: string;
  readonly project: string;
  /** Null: what the configuration says. */
  readonly url: string | null;
  /** Null: the one of the shell's credentials, or the only one there is. */
  readonly region: string | null;
  readonly replace: boolean;
  readonly newPassword: boolean;
}

export interface BootstrapStep {
  readonly what: string;
  readonly outcome: 'was there' | 'made' | 'changed';
}

export interface Roots {
  /** In this process, until a signal ends it. @throws TroupeError INVALID_CONFIG, STORE_UNAVAILABLE, STALE_OWNER */
  serve(loaded: LoadedConfig, parts: Parts): Promise<void>;
  /** A host agent in this process, until a signal ends it. @throws TroupeError INVALID_CONFIG, LINK_REFUSED */
  serveAgent(loaded: LoadedConfig, joinToken: string | null): Promise<void>;
  /**
   * Runs `argv` of this command line as a process of its own; resolves once it is ready, at once when it is up already.
   * @throws CommandFailed with its last words
   */
  detach(
    loaded: LoadedConfig,
    what: 'troupe' | 'agent',
    argv: readonly string[],
    say: (text: string) => void,
  ): Promise<{ readonly pid: number; readonly already: boolean }>;
  /** Ends what runs on the state directory; resolves with it once it has ended. */
  down(config: Config): Promise<readonly { readonly pid: number; readonly command: string }[]>;
  /** The agent's host belongs to the world of this control plane from now on. @throws TroupeError INVALID_CONFIG */
  adopt(loaded: LoadedConfig, worldId: string): Promise<void>;
  /** @throws TroupeError INVALID_CONFIG when the target isn't empty, or a Troupe is up */
  copyStore(from: LoadedConfig, to: LoadedConfig): Promise<void>;
  /**
   * Makes this site known to the cloud that the shell's `OS_*` name.
   * @throws TroupeError INVALID_CONFIG, CLOUD_UNAVAILABLE, CLOUD_REFUSED
   */
  bootstrapKeystone(
    loaded: LoadedConfig,
    wish: BootstrapWish,
    tell: (step: BootstrapStep) => void,
  ): Promise<void>;
  doctor(loaded: LoadedConfig): Promise<readonly DoctorFinding[]>;
  /** Where the API of this machine is, and what proves that it is it. */
  address(config: Config): { readonly url: string; readonly tls: ClientTls | null };
  /** @throws TroupeError INVALID_CONFIG when Troupe was never up here */
  adminToken(config: Config): string;
  tokenFile(config: Config): string;
  /** A certificate that clients must be told to trust; null when the system's authorities are enough. */
  authorityFile(config: Config): string | null;
}
