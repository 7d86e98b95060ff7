/** Sessions with a process of a container. */
import type { Duplex } from 'node:stream';

/** The main process as it is, or a further one. */
export type SessionWish =
  | { readonly kind: 'attach' }
  | {
      readonly kind: 'execute';
      readonly command: readonly string[];
      readonly tty: boolean;
      /** Its stdin is the session's. */
      readonly interactive: boolean;
    };

export interface OpenSession {
  /** What its engine calls the process; null for the main one. */
  readonly execId: string | null;
  /** With a terminal raw, without one stdout and stderr in order. It fails with HOST_UNREACHABLE when it is cut off. */
  readonly stream: Duplex;
}
