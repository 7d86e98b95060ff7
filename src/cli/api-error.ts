/** Where the API is, and what comes of it that isn't an answer. */
import type { ConnectionOptions } from 'node:tls';
import { errorTable, type ErrorCode } from '../errors/errors.ts';
import { errorKinds, type ErrorKind } from '../errors/kinds.ts';

/** Whom to trust in place of the system's authorities. */
export type ClientTls = Pick<ConnectionOptions, 'ca' | 'allowPartialTrustChain' | 'checkServerIdentity'>;

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly tls: ClientTls | null;
  /** Runs `task` once after so many milliseconds; what it answers prevents it. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
}

/** What the API refused, or that nobody answered, with what the command line exits with. */
export class ApiError extends Error {
  readonly status: number;
  readonly requestId: string | null;
  readonly exitCode: number;

  constructor(status: number, message: string, requestId: string | null = null, code = '') {
    super(message);
    this.status = status;
    this.requestId = requestId;
    this.exitCode = exitCodeOf(status, code);
  }
}

/** By the kind of error. @param code Zun's, e.g. `container.over-quota`: two kinds are 403 */
function exitCodeOf(status: number, code: string): number {
  const found = (Object.keys(errorTable) as ErrorCode[])
    .filter((each) => `container.${errorTable[each].zun}` === code)
    .map((each) => errorKinds[errorTable[each].kind])
    .find(({ http }) => http === status);
  const byStatus = (Object.keys(errorKinds) as ErrorKind[])
    .map((kind) => errorKinds[kind])
    .find(({ http }) => http === status);
  const { exitCode } = found ?? byStatus ?? (status < 500 ? errorKinds.invalid : errorKinds.internal);
  return exitCode;
}

/** Why nobody answers at `url`, and what to do. */
export function unreachable(url: string, error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  const why = error.message || code || 'no connection';
  return code === 'ECONNREFUSED' || code === 'ENOENT'
    ? `Nobody answers at ${url}; start Troupe with "troupe up --detach", or set TROUPE_URL`
    : `Troupe does not answer at ${url}: ${why}`;
}
