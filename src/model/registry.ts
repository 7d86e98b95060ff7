/** Registries that a project has credentials of. */
import type { Address } from './address.ts';

export interface RegistryCredential {
  /** The registry's host with its port, as image references name it, in lower case. */
  readonly domain: string;
  readonly username: string;
  readonly password: string;
}

/** A registry that a project has credentials of, without the password. */
export interface RegistryView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly name: string | null;
  /** Host and port. */
  readonly domain: string;
  readonly username: string | null;
  readonly hasPassword: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
}

/** What is asked of a registry, or changed of it. */
export interface RegistryWish {
  readonly name: string | null;
  readonly domain: string;
  readonly username: string | null;
  readonly password: string | null;
}
