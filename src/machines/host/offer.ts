/** What a host offers: the agent's word over the site's, the operator's over both. Pure. */
import type { Fingerprint, HostPolicy, Shares } from '../../model/host.ts';
import type { Room } from '../../model/placement.ts';
import type { HostContext } from './context.ts';

type Offering = Pick<HostContext, 'fingerprint' | 'policy'>;

export function policyOf({ fingerprint, policy }: Offering): HostPolicy {
  const overrides = fingerprint?.overrides;
  if (!overrides) return policy;
  return {
    availabilityZone: overrides.availabilityZone ?? policy.availabilityZone,
    ratios: over(policy.ratios, overrides.ratios),
    reserved: over(policy.reserved, overrides.reserved),
    warmMemoryMib: overrides.warmMemoryMib ?? policy.warmMemoryMib,
  };
}

const over = (site: Shares, own: Shares<number | null>): Shares => ({
  cpu: own.cpu ?? site.cpu,
  memory: own.memory ?? site.memory,
  disk: own.disk ?? site.disk,
});

export const capacityOf = (fingerprint: Fingerprint | null): Room => ({
  cpuMillis: (fingerprint?.cpus ?? 0) * 1000,
  memoryMib: fingerprint?.memoryMib ?? 0,
  diskGib: fingerprint?.diskGib ?? 0,
});

/** What may be promised in all. */
export function allocatableOf(offering: Offering): Room {
  const { ratios, reserved } = policyOf(offering);
  const { cpuMillis, memoryMib, diskGib } = capacityOf(offering.fingerprint);
  return {
    cpuMillis: promised(cpuMillis, reserved.cpu, ratios.cpu),
    memoryMib: promised(memoryMib, reserved.memory, ratios.memory),
    diskGib: promised(diskGib, reserved.disk, ratios.disk),
  };
}

// A product such as 100 × (1 − 0.9) falls short of its whole number by the last bit.
const promised = (whole: number, reserved: number, ratio: number): number =>
  Math.floor(whole * (1 - reserved) * ratio + 1e-6);

export const labelsOf = ({
  fingerprint,
  labels,
}: Pick<HostContext, 'fingerprint' | 'labels'>): Readonly<Record<string, string>> => ({
  ...fingerprint?.labels,
  ...labels,
});

/** Labels of one host: they are in its snapshot. */
const labelsMost = 64;
const lengthMost = 255;

/** After an operator's change: null gives the agent's value back. */
export function relabelled(
  labels: HostContext['labels'],
  changes: Readonly<Record<string, string | null>>,
): HostContext['labels'] {
  const merged: Record<string, string | null> = { ...labels, ...changes };
  return Object.fromEntries(
    Object.entries(merged).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  );
}

/** Why the change can't be made, in words; null when it can. */
export function labelProblem(
  labels: HostContext['labels'],
  changes: Readonly<Record<string, string | null>>,
): string | null {
  for (const [name, value] of Object.entries(changes)) {
    if (name === '' || name.length > lengthMost) return `A label's name has 1 to ${lengthMost} characters`;
    if (value !== null && value.length > lengthMost)
      return `The label "${name}" may have ${lengthMost} characters at most`;
  }
  const count = Object.keys(relabelled(labels, changes)).length;
  return count > labelsMost ? `A host has ${labelsMost} labels at most, and these would be ${count}` : null;
}
