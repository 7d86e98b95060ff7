import type { Failure } from '../../model/failure.ts';
import type { VolumeInput } from '../../model/volume-events.ts';

export interface VolumeContext extends VolumeInput {
  /** Containers that have it, or wait until it is made: bounded. */
  readonly attached: readonly string[];
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}
