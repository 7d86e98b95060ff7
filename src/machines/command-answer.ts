import type { Emitted } from '../model/events.ts';

type Answer = Extract<Emitted, { readonly type: 'answer' }>;

/** What a chart says to a command at once, in words where there are some. */
export const commandAnswer = (answer: Answer['answer'], reason: string | null): Answer => ({
  type: 'answer',
  answer,
  reason,
});
