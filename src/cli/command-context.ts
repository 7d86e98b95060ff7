/** What every command is given: the site's API and configuration, the terminal, and what only a process can do. */
import type { LoadedConfig } from '../config/load.ts';
import type { Client } from './client.ts';
import type { Roots } from './roots.ts';
import type { Format, Keyboard, Terminal } from './terminal.ts';

export interface CommandContext {
  /** @throws TroupeError INVALID_CONFIG when it isn't known where the API is, or with which token */
  readonly client: () => Client;
  /** @throws TroupeError INVALID_CONFIG */
  readonly config: () => LoadedConfig;
  readonly format: () => Format;
  readonly terminal: Terminal;
  readonly keyboard: Keyboard;
  /** @throws Error of the file system */
  readonly readFile: (path: string) => string;
  readonly roots: Roots;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The options before the command, as they were given: for the same command line in another process. */
  readonly globalArguments: () => readonly string[];
  /** Resolves after `ms`; the command line may wait, the product's core may not. */
  readonly pause: (ms: number) => Promise<void>;
  /** Calls `handler` at each Ctrl-C, in place of ending the process, until what it answers is called. */
  readonly onInterrupt: (handler: () => void) => () => void;
  /** The exit code of a command that did what it was asked. */
  readonly exit: (code: number) => void;
}
