/** In whose name a service of the cloud is asked. */
export interface Bearer {
  /** Of Keystone's; in memory only. */
  readonly token: string;
  readonly projectId: string;
  readonly requestId: string;
}
