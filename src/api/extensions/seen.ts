/** Of steps that lead to steps, those that a caller may see. */
import type { FastifyRequest } from 'fastify';
import { parseAddress } from '../../model/address.ts';

interface Step {
  /** Index of the step that led to it; null for a first one. */
  readonly by: number | null;
  readonly address: string;
}

/** What belongs to the caller's project; hosts and other projects are for admins. */
export const isSeenBy = (
  { access, identity }: FastifyRequest,
  { address }: { readonly address: string },
): boolean => access.isAdmin || parseAddress(address).tenant === identity.projectId;

/** Each then points to the nearest before it that is seen. */
export function seenSteps<T extends Step>(request: FastifyRequest, steps: readonly T[]): readonly T[] {
  const places = new Map<number, number>();
  for (const [index, step] of steps.entries()) if (isSeenBy(request, step)) places.set(index, places.size);
  const above = (by: number | null): number | null => {
    if (by === null) return null;
    return places.get(by) ?? above(steps[by]!.by);
  };
  return steps.filter((_, index) => places.has(index)).map((step) => ({ ...step, by: above(step.by) }));
}
