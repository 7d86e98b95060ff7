/**
 * Everything the actors, the link, the agent and the scheduler may ask of the
 * world (DESIGN rule 17). `main/` builds the real one, the simulation a seeded
 * one; nothing else reads a clock, a random source or an event loop.
 */
export interface Environment {
  /** Wall-clock time, epoch milliseconds. For records people read; never for waiting. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary origin. For waiting and leases. */
  monotonic(): number;
  /** A random UUID v4. */
  id(): string;
  /** Uniform in [0, 1). For jitter only. */
  random(): number;
  /** Runs `task` once after `delayMs` (any size: implementations chunk what a timer can't hold). */
  schedule(delayMs: number, task: () => void): Cancel;
  /** Runs `task` after the current turn of the event loop: the group-commit window. */
  defer(task: () => void): void;
  /** Where structured logs go; the shape of pino's methods. */
  readonly log: Logger;
}

export type Cancel = () => void;

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}
