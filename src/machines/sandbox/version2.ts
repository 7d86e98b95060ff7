/** What snapshots of the sandbox chart's version 1 lack. */
import type { Envelope } from '../chart.ts';

/**
 * Sandboxes of version 1 were of one container each, and had ports of local networks only; what attached or detached had no
 * choice to make first.
 */
export const toVersion2 = ({ context, ...envelope }: Envelope): Envelope => ({
  ...envelope,
  context: { ...(context as object), isOfCapsule: false, portIntent: null, regroup: null },
});
