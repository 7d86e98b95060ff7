/** Of steps that lead to steps, those that a caller may see. */
import { parseAddress } from '../../model/address.ts';
import { isAdmin, type Identity } from '../auth/identity.ts';

interface Step {
  /** Index of the step that led to it; null for a first one. */
  readonly by: number | null;
  readonly address: string;
}

/** What belongs to the caller's project; hosts and other projects are for admins. */
export const isSeenBy = (identity: Identity, { address }: { readonly address: string }): boolean =>
  isAdmin(identity) || parseAddress(address).tenant === identity.projectId;

/** Each then points to the nearest before it that is seen. */
export function seenSteps<T extends Step>(identity: Identity, steps: readonly T[]): readonly T[] {
  const places = new Map<number, number>();
  for (const [index, step] of steps.entries()) if (isSeenBy(identity, step)) places.set(index, places.size);
  const above = (by: number | null): number | null => {
    if (by === null) return null;
    return places.get(by) ?? above(steps[by]!.by);
  };
  return steps.filter((_, index) => places.has(index)).map((step) => ({ ...step, by: above(step.by) }));
}
