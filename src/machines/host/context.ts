import type { HostTally } from '../../model/events.ts';
import type { ReadySandboxes } from './ready.ts';
import type { Fingerprint, HostPolicy } from '../../model/host.ts';

/** Totals only: who is placed here is an index beside each container. */
export interface HostContext extends HostTally {
  readonly id: string;
  readonly hostname: string;
  /** The site's, which the agent's configuration may override. */
  readonly policy: HostPolicy;
  readonly suspectMs: number;
  readonly lostMs: number;
  readonly syncMs: number;
  /** The live connection; facts of older ones are stale. */
  readonly session: string | null;
  readonly fingerprint: Fingerprint | null;
  /** The operator's, over the agent's. */
  readonly labels: Readonly<Record<string, string>>;
  /** Made ahead for containers to come. */
  readonly ready: ReadySandboxes;
  readonly reason: string | null;
  /** Why it takes no new containers, in the operator's words. */
  readonly cordonedFor: string | null;
}
