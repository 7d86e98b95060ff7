/** The memory that sandboxes made ahead take of their host, and what fits into its budget. Pure. */
import { warmSandboxMib, type WarmMemory } from '../../model/warm-memory.ts';
import type { HostContext } from './context.ts';
import { policyOf } from './offer.ts';
import { countReady, withoutReady, type ReadySandboxes } from './ready.ts';

type Keeping = Pick<HostContext, 'ready' | 'fingerprint' | 'policy'>;

export function warmMemoryOf(context: Keeping): WarmMemory {
  const each = warmSandboxMib(context.fingerprint?.engine ?? null);
  return { budgetMib: policyOf(context).warmMemoryMib, usedMib: countReady(context.ready) * each };
}

/** Whether the memory for one more is there. */
export function hasRoomForReady(context: Keeping): boolean {
  const { budgetMib, usedMib } = warmMemoryOf(context);
  return usedMib + warmSandboxMib(context.fingerprint?.engine ?? null) <= budgetMib;
}

/** As many as the budget bears; the oldest of the largest pool goes first. */
export function fittedReady(context: Keeping): {
  readonly gone: readonly { readonly tenant: string; readonly sandboxId: string }[];
  readonly left: ReadySandboxes;
} {
  const gone: { tenant: string; sandboxId: string }[] = [];
  const isTooMuch = (ready: ReadySandboxes): boolean => {
    const { budgetMib, usedMib } = warmMemoryOf({ ...context, ready });
    return usedMib > budgetMib;
  };
  let left = context.ready;
  while (isTooMuch(left)) {
    const [largest] = Object.entries(left).toSorted(([, one], [, other]) => other.length - one.length);
    const [key, [sandboxId = '']] = largest!;
    gone.push({ tenant: key.slice(0, key.indexOf('/')), sandboxId });
    left = withoutReady(left, key, sandboxId);
  }
  return { gone, left };
}
