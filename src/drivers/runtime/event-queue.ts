/**
 * Events between an engine and a reader. The engine must be read without
 * pause (Docker drops events for a subscriber that lags 100 ms), the reader
 * may be slow: more than `capacity` unread events become one gap, which asks the
 * reader to list everything.
 */
import type { EngineEvent } from './runtime-driver.ts';

export class EventQueue {
  readonly #capacity: number;
  #events: EngineEvent[] = [];
  #wake: (() => void) | null = null;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(event: EngineEvent): void {
    if (this.#events.length >= this.#capacity) this.#events = [{ kind: 'gap' }];
    this.#events.push(event);
    this.#wake?.();
  }

  /** Ends when the signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const event = this.#events.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
