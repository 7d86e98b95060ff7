/** Passwords of registries: documents that are sealed whole, so that no snapshot, journal or answer has one. */
import { createDocuments, type Documents, type Sealer } from './documents.ts';

export interface RegistrySecret {
  /** Null = none is needed. */
  readonly password: string | null;
}

export type RegistrySecrets = Documents<RegistrySecret>;

export const createRegistrySecrets = (sealer: Sealer): RegistrySecrets =>
  createDocuments<RegistrySecret>({
    write: (secret) => ({ secrets: sealer.seal(JSON.stringify(secret)) }),
    read: ({ secrets }) => JSON.parse(sealer.open(String(secrets))) as RegistrySecret,
  });
