import type { Failure } from '../../model/failure.ts';
import type { ImageInput } from '../../model/image-events.ts';

export interface ImageContext extends ImageInput {
  /** The engine's; null while it is not known to be there. */
  readonly imageId: string | null;
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}
