import type { Caller } from './caller.ts';

/** In whose name a service of the cloud is asked. */
export interface Bearer extends Caller {
  /** Of Keystone's; in memory only. */
  readonly token: string;
}
