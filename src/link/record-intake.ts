/**
 * The upward records of one host: each is handed over once per boot of its
 * agent, in order, and acknowledged when it and all before it are durable.
 */
import { toFailure } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { UpRecord } from './protocol.ts';

export interface RecordIntake {
  /** A new session. What the same boot has sent before and sends again is not handed over again. */
  attach(bootId: string, session: IntakeSession): void;
  /** False when the agent sends more than it may before it is acknowledged. */
  take(sequence: number, record: UpRecord): boolean;
}

export interface IntakeSession {
  /** Cumulative. */
  acknowledge(sequence: number): void;
  /** A record could not be kept: the agent must dial again and send it again. */
  fail(reason: string): void;
}

/** Far more than an agent sends unacknowledged. */
const undurableMost = 10_000;

export function createRecordIntake(
  { log, defer }: Pick<Environment, 'log' | 'defer'>,
  record: (sequence: number, record: UpRecord) => Promise<void>,
): RecordIntake {
  let boot: string | null = null;
  let session: IntakeSession | null = null;
  /** The highest sequence handed over in this boot. */
  let taken = 0;
  /** Handed over and not acknowledgeable yet, rising. */
  let undurable: { readonly sequence: number; durable: boolean }[] = [];
  let acknowledging = false;

  const acknowledge = (): void => {
    if (acknowledging) return;
    acknowledging = true;
    // One for all that became durable in this turn of the event loop.
    defer(() => {
      acknowledging = false;
      const upTo = (undurable[0]?.sequence ?? taken + 1) - 1;
      if (upTo > 0) session?.acknowledge(upTo);
    });
  };

  const settle = (entry: { durable: boolean }): void => {
    entry.durable = true;
    const first = undurable.findIndex(({ durable }) => !durable);
    if (first === 0) return;
    undurable = first < 0 ? [] : undurable.slice(first);
    acknowledge();
  };

  /** As if neither it nor what followed had come: order is kept when they come again. */
  const giveBack = (entry: { readonly sequence: number; durable: boolean }, reason: string): void => {
    const at = undurable.indexOf(entry);
    if (at < 0) return;
    undurable = undurable.slice(0, at);
    taken = entry.sequence - 1;
    session?.fail(reason);
  };

  return {
    attach(bootId, next) {
      session = next;
      if (bootId === boot) return;
      boot = bootId;
      taken = 0;
      undurable = [];
    },
    take(sequence, what) {
      if (sequence <= taken) {
        acknowledge();
        return true;
      }
      if (undurable.length >= undurableMost) return false;
      taken = sequence;
      const entry = { sequence, durable: false };
      undurable.push(entry);
      record(sequence, what).then(
        () => settle(entry),
        (error: unknown) => {
          const { message, retryable } = toFailure(error);
          log.error({ sequence, err: error }, 'a record could not be taken');
          // One that nobody can ever take must not stop all that follow.
          if (retryable) giveBack(entry, message);
          else settle(entry);
        },
      );
      return true;
    },
  };
}
