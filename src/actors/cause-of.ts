import type { Caller } from '../model/caller.ts';
import type { Cause } from '../model/journal.ts';

/** A request as the reason of what it leads to. */
export const causeOf = ({ requestId, userId, projectId }: Caller): Cause => ({
  kind: 'request',
  requestId,
  userId,
  projectId,
});
