/** The proofs that every chart passes. */
import type { Test } from 'tap';
import { proofs, type Space } from './proofs.ts';

export function common(t: Test, name: string, space: Space): void {
  const contexts = new Set(
    [...space.configurations.values()].map(({ snapshot }) => JSON.stringify(snapshot.context)),
  );
  t.comment(
    `${name}: ${space.configurations.size} configurations, ${space.events} events, ${contexts.size} contexts, ${space.steps.length} steps, ${Math.round(space.ms)} ms`,
  );
  const none = (proof: string, wrong: readonly string[]): void =>
    void t.same([...new Set(wrong)].slice(0, 10), [], proof);
  none('every state is reached', proofs.everyStateIsReached(space));
  none('nothing throws', proofs.nothingThrows(space));
  none('no dead end but the end', proofs.nothingEndsBut(space));
  none('each transient state has a deadline', proofs.transientStatesHaveDeadlines(space));
  none('each event has a declared answer in each state', proofs.everyEventHasAnAnswer(space));
  none('only assign, raise and emit; no after, no delay, no "*"', proofs.onlyDeclaredEffects(space));
  none('each invoke has an id, both outcomes, and is left on done', proofs.everyInvokeIsHandled(space));
  none('restored children equal those of a fresh run', proofs.restoredIsAsFresh(space));
  none('each guard is seen true and false', proofs.everyGuardIsSeenBothWays(space));
}
