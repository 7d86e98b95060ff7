import type { Address } from './address.ts';

/** A volume of one host. */
export interface VolumeView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  /** Null for one that a container asked for by size. */
  readonly name: string | null;
  readonly hostId: string;
  readonly hostname: string | null;
  readonly sizeGib: number | null;
  readonly isEphemeral: boolean;
  /** Containers that have it. */
  readonly attached: readonly string[];
  readonly status: string;
  readonly reason: string | null;
  readonly createdAt: number;
}
