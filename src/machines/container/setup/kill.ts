/** A signal of the user’s, and whether it is what ended it. */
import { isCurrent } from './observation.ts';
import { assign, type Guards } from './types.ts';

/** Signals whose meaning is the end; the exit after one of them is no crash. @see signal(7) */
const endingSignals: ReadonlySet<string> = new Set([
  'KILL',
  'TERM',
  'INT',
  'QUIT',
  'ABRT',
  '9',
  '15',
  '2',
  '3',
  '6',
]);

export const killGuards = {
  isKilled: ({ context, event }) => context.killedWith !== null && isCurrent(context, event),
} satisfies Guards;

export const killActions = {
  recordKill: assign({
    signal: ({ context, event }) => (event.type === 'container.kill' ? event.signal : context.signal),
    killedWith: ({ event }) =>
      event.type === 'container.kill' && endingSignals.has(event.signal) ? event.signal : null,
  }),
  forgetKill: assign({ killedWith: null }),
  /** It lives on, so that is what it is; should this run end after all, that was the stop. */
  giveUpStop: assign({ wanted: 'running', killedWith: 'TERM' }),
  explainKill: assign(({ context }) => ({
    wanted: 'stopped' as const,
    reason: `It was ended with SIG${context.killedWith ?? ''}, as asked`,
    killedWith: null,
  })),
};
