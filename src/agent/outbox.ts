/**
 * What the agent has to tell: one sequence, kept on disk until the control
 * plane has acknowledged it as durable, and sent again after each reconnect.
 */
import type { UpRecord } from '../link/protocol.ts';
import type { AgentChanges, AgentState, OutboxEntry } from './state.ts';

/** Facts kept while nobody listens; older ones are dropped, since the next inventory tells the present. */
const recordsMost = 50_000;

export interface Outbox {
  /** Tells it once it is on disk, together with what else changes. */
  tell(record: UpRecord, changes?: Omit<AgentChanges, 'told'>): Promise<void>;
  /** Everything unacknowledged goes out now, and each new record as it comes. */
  connect(send: (entry: OutboxEntry) => void): void;
  /** Holds back what is told from now on, until `resume`: behind an inventory that may not show it. */
  pause(): void;
  resume(): void;
  disconnect(): void;
  acknowledge(sequence: number): void;
  /** Sequence below which nothing is left to tell. */
  readonly acknowledged: number;
  readonly waiting: number;
}

export function createOutbox(
  state: AgentState,
  memory: { readonly sequence: number; readonly outbox: readonly OutboxEntry[] },
): Outbox {
  let sequence = memory.sequence;
  let entries = [...memory.outbox];
  let acknowledged = (entries[0]?.sequence ?? sequence + 1) - 1;
  let send: ((entry: OutboxEntry) => void) | null = null;
  let paused = false;
  /** Told and on disk, and not sent over this connection. */
  let unsent: OutboxEntry[] = [];

  return {
    async tell(record, changes = {}) {
      sequence += 1;
      const entry = { sequence, record };
      entries.push(entry);
      if (entries.length > recordsMost) entries = entries.slice(-recordsMost);
      await state.write({ ...changes, told: entry });
      if (paused) unsent.push(entry);
      else send?.(entry);
    },
    connect(sender) {
      send = sender;
      for (const entry of entries) sender(entry);
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      for (const entry of unsent.splice(0)) send?.(entry);
    },
    disconnect() {
      paused = false;
      unsent = [];
      send = null;
    },
    acknowledge(upTo) {
      acknowledged = Math.max(acknowledged, upTo);
      entries = entries.filter((entry) => entry.sequence > upTo);
      void state.write({ acknowledged: upTo });
    },
    get acknowledged() {
      return acknowledged;
    },
    get waiting() {
      return entries.length;
    },
  };
}
