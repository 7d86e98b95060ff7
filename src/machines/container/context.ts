/** What the container's guards and projections read. Small, JSON only; the spec is a document of its own. */
import type { Amounts, Observation, RestartPolicy } from '../../model/container.ts';
import type { Candidate, ContainerDeadlines, ContainerInput, Refusal } from '../../model/events.ts';
import type { Failure } from '../../model/failure.ts';
import type { PlacementTerms } from '../../model/placement.ts';

export interface ContainerContext {
  readonly id: string;
  readonly tenant: string;
  readonly generation: number;
  readonly amounts: Amounts;
  readonly terms: PlacementTerms;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  readonly imagePullPolicy: ContainerInput['imagePullPolicy'];
  readonly sandbox: ContainerInput['sandbox'];
  readonly deadlines: ContainerDeadlines;

  /** What the user wants of it; the latest of start and stop, taken when the state settles. */
  readonly wanted: 'created' | 'running' | 'stopped';
  /** Hosts worth asking, best first; the first is the one being asked. */
  readonly candidates: readonly Candidate[];
  /** Hosts that refused the claim or did not answer it. */
  readonly refusedBy: readonly string[];
  readonly refusals: readonly Refusal[];
  /** No host takes it now, and one may soon. */
  readonly mayChange: boolean;
  readonly hostId: string | null;
  readonly hostname: string | null;

  // What it holds of others, so that each is released once.
  readonly reservationHeld: boolean;
  readonly claimHeld: boolean;
  readonly sandboxId: string | null;
  readonly containerHeld: boolean;

  /** The image is believed to be on the host. */
  readonly imagePresent: boolean;
  /** Failed attempts of the step in progress; sets its back-off. Bounded. */
  readonly tries: number;
  /** Runs begun so far. */
  readonly run: number;
  /** Restarts by policy since it last ran well. */
  readonly restarts: number;
  readonly observation: Observation | null;
  readonly failure: Failure | null;
  /** Why it is where it is, in words. */
  readonly reason: string | null;
  readonly graceMs: number;
}
