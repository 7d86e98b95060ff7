/**
 * A failure as plain data: what snapshots, journals and the wire carry
 * (an Error does not survive JSON).
 */
export interface Failure {
  /** Stable SCREAMING_SNAKE code from `errors/errors.ts`. */
  readonly code: string;
  /** One sentence a user understands: what was tried and what to do. Never a secret. */
  readonly message: string;
  /** Whether trying the same again later can help. The chart decides whether to. */
  readonly retryable: boolean;
}
