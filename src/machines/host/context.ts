import type { Amounts } from '../../model/container.ts';
import type { Fingerprint } from '../../model/host.ts';

/** Totals only: who is placed here is an index beside each container. */
export interface HostContext {
  readonly id: string;
  readonly hostname: string;
  readonly availabilityZone: string;
  readonly suspectMs: number;
  readonly lostMs: number;
  readonly syncMs: number;
  /** The live connection; facts of older ones are stale. */
  readonly session: string | null;
  readonly fingerprint: Fingerprint | null;
  /** What claims have taken. */
  readonly totals: Amounts;
  /** Containers by tenant. */
  readonly tenants: Readonly<Record<string, number>>;
  readonly reason: string | null;
}
