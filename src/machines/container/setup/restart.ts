/** What its restart policy makes of an end. */
import { decideRestart, countedRestarts } from '../../restart-policy.ts';
import { assign, type Guards } from './types.ts';

export const restartGuards = {
  isRestartDue: ({ context: { observation, restartPolicy, restarts } }) =>
    decideRestart(restartPolicy, observation?.exitCode ?? null, countedRestarts(observation, restarts))
      .restart,
  isRecreationDue: ({ context }) =>
    context.wanted === 'running' &&
    (context.restartPolicy.name === 'always' || context.restartPolicy.name === 'unless-stopped'),
} satisfies Guards;

export const restartActions = {
  explainExit: assign({
    reason: ({ context }) => {
      const { reason } = decideRestart(
        context.restartPolicy,
        context.observation?.exitCode ?? null,
        countedRestarts(context.observation, context.restarts),
      );
      return context.observation?.oomKilled ? `It ran out of memory; ${reason}` : reason;
    },
  }),
  countAgentRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
  countRestart: assign(({ context: { observation, restartPolicy, restarts: before } }) => {
    const earlier = countedRestarts(observation, before);
    const { reason } = decideRestart(restartPolicy, observation?.exitCode ?? null, earlier);
    return { restarts: earlier + 1, reason: `Restarting: ${reason}` };
  }),
};
