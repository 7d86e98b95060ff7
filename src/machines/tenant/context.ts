import type { Amounts } from '../../model/container.ts';
import { stricter, type Neighbours } from '../../model/placement.ts';

/** Nobody's: a tenant that knows no site's limits has all of its own. */
const withoutLimit: Amounts = { containers: -1, cpuMillis: -1, memoryMib: -1, diskGib: -1 };

export interface Reservation {
  readonly generation: number;
  readonly amounts: Amounts;
  /** Epoch ms. */
  readonly at: number;
}

export interface TenantContext {
  readonly id: string;
  /** Its own limits; what is left out is the site's. -1 = without limit. */
  readonly ownLimits: Partial<Amounts>;
  /** What tenants have without one; null until the site has said so to a tenant of version 2. */
  readonly siteLimits: Amounts | null;
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
export const tenantLimits = ({
  ownLimits,
  siteLimits,
}: Pick<TenantContext, 'ownLimits' | 'siteLimits'>): Amounts => ({
  ...(siteLimits ?? withoutLimit),
  ...ownLimits,
});

/** What holds. */
export const neighboursOf = ({
  neighbours,
  siteNeighbours,
}: Pick<TenantContext, 'neighbours' | 'siteNeighbours'>): Neighbours => stricter(neighbours, siteNeighbours);
