/**
 * What left a control plane, held against what its store had answered by then:
 * nothing may leave before its commit. All moments are of one clock.
 */
import type { JournalRecord } from '../../src/model/journal.ts';
import type { ProxiedCommit } from '../support/redis-proxy.ts';

/** Something that was seen outside the control plane, and the turn it rests on. */
export type Sighting =
  /** An answer to a command or create of this request. */
  | { readonly what: 'reply'; readonly at: number; readonly requestId: string }
  /** A stream record, or a read that showed an actor at a revision. */
  | {
      readonly what: 'record' | 'read';
      readonly at: number;
      readonly address: string;
      readonly revision: number;
    }
  /** An operation on its way to an agent, or the engine's call of it. */
  | { readonly what: 'operate'; readonly at: number; readonly opId: string }
  | { readonly what: 'engine'; readonly at: number; readonly line: string };

const startedBy = ({ started }: JournalRecord, opId: string): boolean =>
  started.some((each) => each.opId === opId);

/** What was seen too early, in words. */
export function violations(
  commits: readonly ProxiedCommit[],
  sightings: readonly Sighting[],
): readonly string[] {
  const wrong: string[] = [];
  const answered = (at: number, is: (turn: ProxiedCommit['turns'][number]) => boolean): boolean =>
    commits.some((commit) => commit.answeredAt !== null && commit.answeredAt < at && commit.turns.some(is));
  const operates = sightings.filter((each) => each.what === 'operate');

  for (const seen of sightings) {
    if (seen.what === 'reply') {
      const { requestId } = seen;
      if (
        !answered(
          seen.at,
          ({ journal: { cause } }) => cause.kind === 'request' && cause.requestId === requestId,
        )
      )
        wrong.push(`reply: ${requestId} was answered before its commit`);
    } else if (seen.what === 'operate') {
      if (!answered(seen.at, ({ journal }) => startedBy(journal, seen.opId)))
        wrong.push(`operate: ${seen.opId} left before its commit`);
    } else if (seen.what === 'engine') {
      // Each call of the engine follows an operation that left, which was looked at.
      if (!operates.some(({ at }) => at < seen.at)) wrong.push(`engine: ${seen.line} came unasked`);
    } else if (
      !answered(seen.at, ({ address, revision }) => address === seen.address && revision === seen.revision)
    ) {
      wrong.push(`${seen.what}: ${seen.address} was shown at revision ${seen.revision} before its commit`);
    }
  }
  for (const { turns, sentAt } of commits) {
    for (const { address, inbox } of turns) {
      for (const { from, sequence: taken } of inbox) {
        const isSender = (turn: ProxiedCommit['turns'][number]): boolean =>
          turn.address === from && turn.outbox.some(({ sequence }) => sequence === taken);
        if (!answered(sentAt, isSender))
          wrong.push(`message: ${address} handled one of ${from} before its sender's commit`);
      }
    }
  }
  return wrong;
}
