/** An actor's lifecycle and history as the API answers them. */
export interface LifecycleView {
  readonly statePaths: readonly string[];
  readonly status: string;
  readonly reason: string | null;
  /** Epoch ms. */
  readonly since: number;
  readonly waitingFor: readonly {
    readonly description: string;
    readonly attempt: number;
    readonly deadlineAt: number | null;
  }[];
  readonly lastError: { readonly message: string } | null;
  readonly allowedEvents: readonly {
    readonly type: string;
    readonly mode?: string;
    readonly answer: string;
    readonly to: readonly string[];
    readonly roles: readonly string[];
  }[];
  readonly quarantined: { readonly reason: string; readonly event: string | null } | null;
}

export interface HistoryRecord {
  readonly revision: number;
  /** Epoch ms. */
  readonly at: number;
  readonly event: { readonly type: string };
  readonly to: readonly string[];
  readonly refused: string | null;
  readonly cause: Readonly<Record<string, unknown>> & { readonly kind: string };
}
