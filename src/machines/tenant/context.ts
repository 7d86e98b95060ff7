import type { Amounts } from '../../model/container.ts';
import { stricter, type Neighbours } from '../../model/placement.ts';

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
  /** Reservations in flight, by container and generation: few, and each has a deadline. */
  readonly reservations: Readonly<Record<string, Reservation>>;
  readonly reservationMs: number;
  /** The tenant's own wish, and the site's, which it may only tighten. */
  readonly neighbours: Neighbours;
  readonly siteNeighbours: Neighbours;
}

/** What holds. */
export const neighboursOf = ({
  neighbours,
  siteNeighbours,
}: Pick<TenantContext, 'neighbours' | 'siteNeighbours'>): Neighbours => stricter(neighbours, siteNeighbours);
