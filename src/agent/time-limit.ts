/** Waits no longer than it may for what may never come. */
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';

/** @throws TroupeError ENGINE_UNAVAILABLE after `ms`, or what `work` throws */
export function within<T>(
  { schedule }: Pick<Environment, 'schedule'>,
  ms: number,
  work: Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = schedule(ms, () =>
      reject(new TroupeError('ENGINE_UNAVAILABLE', `The container engine did not answer within ${ms} ms`)),
    );
    work.then(resolve, reject).finally(cancel);
  });
}
