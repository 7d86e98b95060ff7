/** What led to what, across actors. */
import type { Address } from './address.ts';
import type { JournalRecord } from './journal.ts';

/** An incident is asked for by a request, or by a moment of an actor: a revision, a time (epoch ms), or null = the last. */
export type IncidentQuery = {
  /** Null = of all of them (the caller has been authorised for it). */
  readonly tenant: string | null;
} & (
  | { readonly requestId: string }
  | {
      readonly address: Address;
      readonly moment: { readonly revision: number } | { readonly at: number } | null;
    }
);

/** What led to what, across actors. */
export interface Incident {
  /** The request that began it; null when nobody asked for it. */
  readonly requestId: string | null;
  /** Each after the one that led to it. */
  readonly steps: readonly IncidentStep[];
  /** There is more of it than is looked through. */
  readonly isCut: boolean;
}

/** A turn, as its actor's journal has it. */
export interface IncidentStep extends Pick<
  JournalRecord,
  'revision' | 'at' | 'event' | 'cause' | 'from' | 'to' | 'refused'
> {
  /** Index of the step that led to it; null for what began it. */
  readonly by: number | null;
  readonly address: Address;
  /** What people call it; null when it is gone, or has no name. */
  readonly name: string | null;
  /** The moment that was asked for. */
  readonly isAsked: boolean;
}
