/** A container as the API shows it: what the command line reads of it. */
export type ContainerView = Readonly<Record<string, unknown>> & {
  readonly uuid: string;
  readonly name: string;
  readonly tty: boolean;
  readonly status: string;
  readonly status_reason: string | null;
  readonly task_state: string | null;
  readonly exit_code: number | null;
  readonly started_at: string | null;
  readonly lifecycle_state: readonly string[];
};

/** The first group of a UUID: enough to name a container by. */
export const shortId = ({ uuid }: { readonly uuid: string }): string => uuid.slice(0, 8);

/** What only admins are shown tells that the caller is one. */
export const isSeenByAdmin = (view: ContainerView): boolean => 'host' in view;
