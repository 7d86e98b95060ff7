/** Registries that a project has credentials of. */

export interface RegistryCredential {
  /** The registry's host with its port, as image references name it, in lower case. */
  readonly domain: string;
  readonly username: string;
  readonly password: string;
}
