/**
 * What the agent has to tell: one sequence, kept on disk until the control
 * plane has acknowledged it as durable, and sent again after each reconnect.
 *
 * O1. A result, and what is kept with other changes, is sent once that is on
 *     disk; a fact at once, beside its write: should both be lost, the next
 *     inventory tells what the engine shows. All in the order of the sequence.
 * O2. At most `windowMost` are sent and not acknowledged, so that a long
 *     absence is told at the pace of who listens.
 * O3. While nobody listens, at most `recordsMost` are kept: the oldest go,
 *     since lanes answer for results and the next inventory for the present.
 */
import type { UpRecord } from '../link/protocol.ts';
import type { Logger } from '../model/environment.ts';
import type { AgentChanges, AgentState, OutboxEntry } from './state.ts';

const windowMost = 1_000;
const recordsMost = 50_000;
/** Dropped at once when there are too many. */
const dropCount = 1_000;

export interface Outbox {
  /** Keeps the record, with what else changes, and sends it (O1). Resolves when all of that is on disk. */
  tell(record: UpRecord, changes?: Omit<AgentChanges, 'told'>): Promise<void>;
  /** Sends what is unacknowledged, then each new record as it comes. Resolves once all that was told before has been sent, or the link has gone. */
  connect(send: (entry: OutboxEntry) => void): Promise<void>;
  /** Holds back what is told from now on, until `resume`: behind an inventory that may not show it. */
  pause(): void;
  resume(): void;
  disconnect(): void;
  /** Everything up to this sequence is durable there. Gives back what that were. */
  acknowledge(sequence: number): readonly UpRecord[];
  /** Whether a result of this operation is still to be acknowledged. */
  holdsResult(opId: string): boolean;
  /** Sequence below which nothing is left to tell. */
  readonly acknowledged: number;
}

interface Entry extends OutboxEntry {
  /** It may be sent as far as the disk goes (O1). */
  ready: boolean;
}

export function createOutbox(
  log: Logger,
  state: AgentState,
  memory: { readonly sequence: number; readonly outbox: readonly OutboxEntry[] },
): Outbox {
  const entries = new Map<number, Entry>();
  const results = new Set<string>();
  const keep = (entry: Entry): void => {
    entries.set(entry.sequence, entry);
    if (entry.record.kind === 'result') results.add(entry.record.opId);
  };
  for (const entry of memory.outbox) keep({ ...entry, ready: true });
  let sequence = memory.sequence;
  let first = memory.outbox[0]?.sequence ?? sequence + 1;
  let send: ((entry: OutboxEntry) => void) | null = null;
  let sent = 0;
  let holdAfter = Number.POSITIVE_INFINITY;
  let backlog: { readonly upTo: number; sent(): void } | null = null;
  let acknowledgedOnDisk = true;

  const pump = (): void => {
    for (;;) {
      const next = Math.max(sent + 1, first);
      const entry = entries.get(next);
      if (!send || !entry?.ready || next > holdAfter || next >= first + windowMost) break;
      sent = next;
      send({ sequence: next, record: entry.record });
    }
    if (!backlog || (send && Math.max(sent, first - 1) < backlog.upTo)) return;
    const { sent: tell } = backlog;
    backlog = null;
    tell();
  };

  /** Drops everything up to a sequence, in memory at once, on disk soon. */
  const drop = (upTo: number): readonly UpRecord[] => {
    const dropped: UpRecord[] = [];
    for (; first <= upTo; first += 1) {
      const record = entries.get(first)?.record;
      entries.delete(first);
      if (!record) continue;
      dropped.push(record);
      if (record.kind === 'result') results.delete(record.opId);
    }
    if (acknowledgedOnDisk) {
      acknowledgedOnDisk = false;
      // One write for all that are acknowledged while it is under way.
      const write = (): void => {
        const target = first - 1;
        state.write({ acknowledged: target }).then(
          () => {
            if (first - 1 > target) write();
            else acknowledgedOnDisk = true;
          },
          (error: unknown) => {
            acknowledgedOnDisk = true;
            log.warn({ err: error }, 'what is acknowledged could not be forgotten on disk yet');
          },
        );
      };
      write();
    }
    return dropped;
  };

  return {
    async tell(record, changes) {
      sequence += 1;
      const entry: Entry = { sequence, record, ready: record.kind === 'fact' && changes === undefined };
      keep(entry);
      if (entries.size > recordsMost) {
        log.warn({ dropped: dropCount }, 'too much is waiting to be told; the oldest is dropped');
        drop(first + dropCount - 1);
      }
      const written = state.write({ ...changes, told: { sequence: entry.sequence, record } });
      if (entry.ready) pump();
      try {
        await written;
      } catch (error) {
        // A full disk must not silence this host: while the process lives, memory keeps it.
        log.error({ err: error }, 'a record could not be kept on disk; it is told all the same');
      }
      entry.ready = true;
      pump();
    },
    connect(sender) {
      send = sender;
      sent = 0;
      holdAfter = Number.POSITIVE_INFINITY;
      return new Promise((resolve) => {
        backlog = { upTo: sequence, sent: resolve };
        pump();
      });
    },
    pause() {
      holdAfter = sequence;
    },
    resume() {
      holdAfter = Number.POSITIVE_INFINITY;
      pump();
    },
    disconnect() {
      send = null;
      pump();
    },
    acknowledge(upTo) {
      const dropped = drop(Math.min(upTo, sequence));
      pump();
      return dropped;
    },
    holdsResult: (opId) => results.has(opId),
    get acknowledged() {
      return first - 1;
    },
  };
}
