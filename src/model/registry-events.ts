/** What registries hear: a project's credentials of a registry. The password is in none of it. */
import type { Restored } from './delivery.ts';

export interface RegistryInput {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  /** Not always unique in its project; null for one that was given none. */
  readonly name: string | null;
  /** Host and port, as image references name them, in lower case. */
  readonly domain: string;
  /** Null = it asks for no login. */
  readonly username: string | null;
  readonly hasPassword: boolean;
}

export type RegistryChanges = Partial<Pick<RegistryInput, 'name' | 'domain' | 'username' | 'hasPassword'>>;

export type RegistryCommand =
  /** A new password is that of the document which comes with it. */
  | { readonly type: 'registry.update'; readonly changes: RegistryChanges }
  | { readonly type: 'registry.delete' };

export type RegistryEvent = RegistryCommand | Restored;
