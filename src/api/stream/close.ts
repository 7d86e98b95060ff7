/** Errors on a WebSocket. The only place that maps an error to a close code. */
import { TroupeError } from '../../errors/errors.ts';
import { errorKinds } from '../../errors/kinds.ts';

export interface Close {
  readonly code: number;
  /** May be longer than a close frame holds. */
  readonly reason: string;
  readonly level: 'info' | 'warn' | 'error';
}

export function closeOf(error: unknown): Close {
  if (error instanceof TroupeError && error.kind !== 'internal') {
    const { close, level } = errorKinds[error.kind];
    return { code: close, reason: error.message, level };
  }
  return { code: errorKinds.internal.close, reason: 'The server failed; come back', level: 'error' };
}
