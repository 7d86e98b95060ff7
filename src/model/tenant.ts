/** What the APIs see of a tenant. */
import type { Address } from './address.ts';
import type { Amounts } from './container.ts';
import type { Neighbours } from './placement.ts';

export interface TenantView {
  readonly address: Address;
  readonly id: string;
  readonly limits: Amounts;
  readonly used: Amounts;
  /** Reservations not yet confirmed. */
  readonly reserved: number;
  /** What holds of the site's and its own wish. */
  readonly neighbours: Neighbours;
}
