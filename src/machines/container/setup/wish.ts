/** What its user wants of it in the end: that it runs, stands still, or goes. */
import { hasBegun, isAlive, isCurrent } from './observation.ts';
import { assign, type Guards } from './types.ts';

export const wishGuards = {
  isRunningWanted: ({ context }) => context.wanted === 'running',
  isDeletionWanted: ({ context }) => context.wanted === 'deleted',
  hasBegunUnwanted: ({ context, event }) => context.wanted !== 'running' && hasBegun(context, event),
  isStartDue: ({ context, event }) => context.startQueued && isCurrent(context, event),
  isStopDue: ({ context, event }) => context.wanted === 'stopped' && isCurrent(context, event),
  isAutoRemoved: ({ context }) => context.autoRemove,
  isForced: ({ event }) => event.type === 'container.delete' && event.mode === 'force',
  isGraceful: ({ context, event }) =>
    ((event.type === 'container.delete' && event.mode === 'stop') || event.type === 'capsule.deleted') &&
    context.containerHeld &&
    isAlive(context),
  isOnlyIfStopped: ({ event }) => event.type === 'container.delete' && event.mode === 'ifStopped',
} satisfies Guards;

export const wishActions = {
  wantRunning: assign({ wanted: 'running' }),
  wantStopped: assign({ wanted: 'stopped', startQueued: false }),
  wantCreated: assign({ wanted: 'created' }),
  /** For its host to keep, so that its removal goes on even if the store forgets. */
  wantDeleted: assign({ wanted: 'deleted' }),
  queueStart: assign({ wanted: 'running', startQueued: true }),
  recordGrace: assign({
    graceMs: ({ context, event }) => ('graceMs' in event ? event.graceMs : context.graceMs),
  }),
};
