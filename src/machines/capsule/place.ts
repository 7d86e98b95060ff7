/** Placing it as one: the scheduler ranks, the host actor decides for all its members together. */
import { placingDeadline, placingStates } from '../placing.ts';
import { whenFound } from './news.ts';
import { capsuleSetup } from './setup.ts';

export const placing = capsuleSetup.createStateConfig({
  description: 'Looking for a host that takes it, with all its members.',
  tags: 'transient',
  meta: { status: 'Creating' },
  invoke: placingDeadline('#capsule.failed'),
  on: { 'capsule.found': whenFound },
  initial: 'choosing',
  states: {
    ...placingStates('#capsule.opening', '#capsule.failed'),
  },
});
