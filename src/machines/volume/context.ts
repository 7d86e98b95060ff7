import type { Failure } from '../../model/failure.ts';
import type { VolumeInput } from '../../model/volume-events.ts';

export interface VolumeContext extends VolumeInput {
  /** Containers that have it, or wait until it is made: bounded. */
  readonly attached: readonly string[];
  /** Containers that wait until it is let go of: as many. */
  readonly leaving: readonly string[];
  /** Cinder's, of a volume of its; null while Cinder has not said so. */
  readonly attachmentId: string | null;
  /** Its host was asked to connect it. */
  readonly isConnected: boolean;
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}
