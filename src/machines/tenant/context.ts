import type { Amounts } from '../../model/container.ts';

export interface Reservation {
  readonly generation: number;
  readonly amounts: Amounts;
  /** Epoch ms. */
  readonly at: number;
}

export interface TenantContext {
  readonly id: string;
  /** -1 = without limit. */
  readonly limits: Amounts;
  /** Confirmed and reserved together. */
  readonly totals: Amounts;
  /** Reservations in flight, by container: few, and each has a deadline. */
  readonly reservations: Readonly<Record<string, Reservation>>;
  readonly reservationMs: number;
}
