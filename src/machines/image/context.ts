import type { Failure } from '../../model/failure.ts';
import type { ImageInput } from '../../model/image-events.ts';

export interface ImageContext extends ImageInput {
  /** The engine's; null while it is not known to be there. */
  readonly imageId: string | null;
  /** It is to be deleted once what was begun of it in Glance is gone. */
  readonly isLeaving: boolean;
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}
