import type { PoolInput } from '../../model/network-events.ts';

/** Numbers only: which sandboxes there are is known to the host that hands them out. */
export interface PoolContext extends PoolInput {
  /** Wanted ahead; grows with use, shrinks without. */
  readonly target: number;
  readonly making: number;
  readonly ready: number;
  /** Taken since the window began, made ahead or not. */
  readonly used: number;
  readonly reason: string | null;
}
