import type { Address } from './address.ts';

/** A network of one host. */
export interface NetworkView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly hostId: string;
  readonly hostname: string | null;
  /** CIDR; null until its host has chosen one. */
  readonly subnet: string | null;
  readonly gateway: string | null;
  readonly mtu: number | null;
  /** The project's own, made for containers that ask for none. */
  readonly isDefault: boolean;
  /** Addresses in use. */
  readonly ports: number;
  readonly status: string;
  readonly reason: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
}
