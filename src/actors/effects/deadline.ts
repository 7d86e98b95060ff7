/**
 * Deadlines are operations like any other, so one table restores both (DESIGN
 * rule 3). A clock that was set back while we were down never lengthens a
 * wait; a deadline that passed meanwhile fires at once.
 */
import type { Environment } from '../../model/environment.ts';
import type { Effect } from './effect.ts';

export const deadlineEffect =
  (environment: Environment): Effect =>
  ({ operation, done }) => {
    const { ms } = operation.input as { ms: number };
    const remaining = Math.min(Math.max(operation.startedAt + ms - environment.now(), 0), ms);
    return environment.schedule(remaining, () => done({ at: environment.now() }));
  };
