/** What kind of failure it is decides the HTTP status, a WebSocket's close code, the CLI's exit code and the log level. One table. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'quota'
  | 'not-found'
  | 'not-acceptable'
  | 'conflict'
  | 'too-large'
  | 'timeout'
  | 'unavailable'
  | 'internal';

export const errorKinds: Readonly<
  Record<
    ErrorKind,
    {
      readonly http: number;
      readonly close: number;
      readonly exitCode: number;
      readonly level: 'info' | 'warn' | 'error';
    }
  >
> = {
  invalid: { http: 400, close: 1008, exitCode: 2, level: 'info' },
  unauthenticated: { http: 401, close: 1008, exitCode: 4, level: 'info' },
  forbidden: { http: 403, close: 4403, exitCode: 4, level: 'info' },
  quota: { http: 403, close: 4403, exitCode: 6, level: 'info' },
  'not-found': { http: 404, close: 4404, exitCode: 3, level: 'info' },
  'not-acceptable': { http: 406, close: 1008, exitCode: 2, level: 'info' },
  conflict: { http: 409, close: 4409, exitCode: 5, level: 'info' },
  'too-large': { http: 413, close: 1009, exitCode: 2, level: 'info' },
  timeout: { http: 504, close: 1013, exitCode: 124, level: 'warn' },
  unavailable: { http: 503, close: 1013, exitCode: 7, level: 'warn' },
  internal: { http: 500, close: 1011, exitCode: 1, level: 'error' },
};
