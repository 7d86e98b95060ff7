/** Reading what is stored, by both stores alike: what can't be read is told, never thrown. */
import type { Address } from '../../model/address.ts';
import type { ActorRecord, Outcome, UnreadableActor } from './store.ts';

/** The record of `address`, or why it can't be read. */
export function parseRecord(address: string, text: string): ActorRecord | UnreadableActor {
  try {
    const record = JSON.parse(text) as Partial<ActorRecord> | null;
    if (record?.address !== (address as Address)) return { address, error: 'Its record is of another actor' };
    const whole =
      Number.isSafeInteger(record.revision) &&
      typeof record.turnId === 'string' &&
      Number.isSafeInteger(record.chartVersion) &&
      typeof record.operations === 'object' &&
      record.value !== undefined &&
      record.context !== undefined;
    return whole ? (record as ActorRecord) : { address, error: 'Its record is not whole' };
  } catch (error) {
    return { address, error: `Its record is no JSON: ${(error as Error).message}` };
  }
}

export const refusal = (
  cause: Extract<Outcome, { kind: 'refused' }>['cause'],
  storedEpoch: number,
  storedRevision: number,
  reason: string,
): Outcome => ({ kind: 'refused', cause, storedEpoch, storedRevision, reason });
