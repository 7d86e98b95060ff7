/** Another image, or the same anew: the next generation of it. */
import { assign, type Guards } from './types.ts';

export const rebuildGuards = {
  isRebuilding: ({ context }) => context.rebuilding,
} satisfies Guards;

export const rebuildActions = {
  beginRebuild: assign({
    generation: ({ context }) => context.generation + 1,
    imagePresent: false,
    observation: null,
    run: 0,
    restarts: 0,
    killedWith: null,
  }),
  recordRebuild: assign({
    rebuilding: true,
    specVersion: ({ context }) => context.specVersion + 1,
    imagePullPolicy: ({ context, event }) =>
      event.type === 'container.rebuild' ? event.imagePullPolicy : context.imagePullPolicy,
    graceMs: ({ context, event }) => ('graceMs' in event ? event.graceMs : context.graceMs),
    wanted: ({ context }) =>
      context.observation?.state === 'running' || context.observation?.state === 'paused'
        ? 'running'
        : 'created',
  }),
  endRebuild: assign({ rebuilding: false }),
  recordSpec: assign({ specVersion: ({ context }) => context.specVersion + 1 }),
};
