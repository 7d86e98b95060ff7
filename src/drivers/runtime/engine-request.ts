/** What is asked of an engine over HTTP, and what it answers. */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { RegistryCredential } from '../../model/registry.ts';

export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the version, e.g. `/containers/json`; parts of it that come from outside are encoded. */
  readonly path: string;
  /** Instead of the version of Docker's API: where an engine keeps an API of its own. */
  readonly root?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** A tar to send instead of a body. A stream's failure ends the request. */
  readonly tar?: Buffer | Readable;
  /** For the registry that the engine is to ask. */
  readonly credential?: RegistryCredential;
  readonly signal: AbortSignal;
}

/** What the engine answered. 304 ("it is so already") counts as ok. */
export type EngineReply<T> =
  | { readonly ok: true; readonly status: number; readonly body: T }
  | { readonly ok: false; readonly status: number; readonly message: string };

export type StreamReply =
  | { readonly ok: true; readonly body: IncomingMessage }
  | { readonly ok: false; readonly status: number; readonly message: string };

/** A connection that both sides now write to, for the caller to destroy; the signal destroys it too. */
export type UpgradeReply =
  | { readonly ok: true; readonly connection: Duplex }
  | { readonly ok: false; readonly status: number; readonly message: string };
