/** A request that a container took, and what came of it. */
export interface ContainerAction {
  /** Zun's name of it, e.g. `create`. */
  readonly action: string;
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Null while it is under way. */
  readonly finishedAt: number | null;
  readonly failed: boolean;
  /** What went wrong, and the turns that led there; null unless it failed. */
  readonly trace: string | null;
}
