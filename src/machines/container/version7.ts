/** Where snapshots of the container chart's version 6 are in this one. */
import type { Envelope } from '../chart.ts';

/** What was mounted or unmounted then was attempted once. */
export function toVersion7({ value, ...envelope }: Envelope): Envelope {
  const step = (value as { readonly remounting?: unknown }).remounting;
  const isAttempt = step === 'mounting' || step === 'unmounting';
  return { ...envelope, value: isAttempt ? { remounting: { [step]: 'attempting' } } : value };
}
