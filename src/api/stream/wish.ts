/** The first frame of a watching socket: who it is, and what it wants. */
import { actorKinds, type ActorKind } from '../../model/address.ts';
import type { WatchFilter } from '../../model/watch.ts';

export interface Wish {
  /** One of the two. */
  readonly ticket: string | null;
  readonly token: string | null;
  readonly allProjects: boolean;
  readonly kinds: readonly ActorKind[] | null;
  readonly id: string | null;
  /** Positions to resume after; empty = from now. */
  readonly from: readonly string[];
}

/** The rule that a frame breaks, in words for who sent it. */
export class WishError extends Error {}

/** @throws WishError */
export function parseWish(frame: string): Wish {
  const given = objectIn(frame);
  const {
    ticket = null,
    token = null,
    all_projects: all = false,
    kinds = null,
    id = null,
    from = [],
  } = given;
  const check = (holds: boolean, rule: string): void => {
    if (!holds) throw new WishError(rule);
  };
  check(
    (typeof ticket === 'string') !== (typeof token === 'string'),
    'The first frame must have a ticket or a token',
  );
  check(typeof all === 'boolean', 'all_projects must be true or false');
  check(
    kinds === null || (Array.isArray(kinds) && kinds.every((kind) => actorKinds.includes(kind as ActorKind))),
    `kinds must be a list of ${actorKinds.join(', ')}`,
  );
  check(id === null || typeof id === 'string', 'id must be a string');
  const positions = from === null ? [] : Array.isArray(from) ? from : [from];
  check(
    positions.every((position) => typeof position === 'string'),
    'from must be a position or a list of them',
  );
  return {
    ticket: typeof ticket === 'string' ? ticket : null,
    token: typeof token === 'string' ? token : null,
    allProjects: all as boolean,
    kinds: kinds as readonly ActorKind[] | null,
    id: id as string | null,
    from: positions as readonly string[],
  };
}

/** @param projectId whose it is unless all projects are wanted */
export const filterOf = ({ allProjects, kinds, id }: Wish, projectId: string): WatchFilter => ({
  tenant: allProjects ? null : projectId,
  kinds,
  id,
});

function objectIn(frame: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = JSON.parse(frame) as unknown;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Told below, in words.
  }
  throw new WishError('The first frame must be a JSON object with a ticket or a token');
}
