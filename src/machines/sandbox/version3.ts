/** What snapshots of the sandbox chart's version 2 lack. */
import type { Envelope } from '../chart.ts';

/** None of version 2 was made ahead with ports of Neutron: none has a port that does not say whose it is. */
export const toVersion3 = ({ value, context, ...envelope }: Envelope): Envelope => ({
  ...envelope,
  value: value === 'claimed' ? { claimed: 'settled' } : value,
  context: { ...(context as object), marksOwed: false },
});
