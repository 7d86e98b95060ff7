/** What its health checks say of the run. */
import { observationOf, isCurrent } from './observation.ts';
import { assign, type Guards } from './types.ts';

export const healthGuards = {
  /** An inventory tells what was said of the run while nobody heard. */
  isChangedHealth: ({ context, event }) =>
    isCurrent(context, event) &&
    observationOf(event)?.startedAt === context.observation?.startedAt &&
    observationOf(event)?.health !== context.observation?.health,
  isHealthChecked: ({ context }) => context.observation?.health === 'starting',
  isHealthy: ({ context }) => context.observation?.health === 'healthy',
  isUnhealthy: ({ context }) => context.observation?.health === 'unhealthy',
} satisfies Guards;

export const healthActions = {
  explainHealth: assign({
    reason: ({ context }) => {
      if (context.reason !== null) return context.reason;
      const why = context.observation?.healthReason;
      return `Its health check fails${why ? `: ${why}` : ''}`;
    },
  }),
};
