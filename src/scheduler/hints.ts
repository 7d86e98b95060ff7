/**
 * The hints of a create. Those that Zun knows have their meaning; one that
 * nobody knows is told, where Zun ignores it.
 *
 * @see zun-api 3.8
 */
import { groupPolicies, type GroupMembership, type GroupPolicy } from '../model/placement.ts';

export interface Constraints {
  /** `label:<name>` = value: the host must have it. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** `same_host`: on the host of one of these containers, by UUID, with commas between. */
  readonly sameHost: readonly string[];
  /** `different_host`: on none of theirs. */
  readonly differentHost: readonly string[];
  /** `group` and `policy`: a name of the tenant's own, and how its members stand to each other. */
  readonly group: GroupMembership | null;
}

/** What is wrong with a hint, in words that name it. */
export interface HintError {
  readonly error: string;
}

const labelPrefix = 'label:';
const known = 'label:<name>, same_host, different_host, group and policy';
const groupPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Total: either what the hints mean, or the first that means nothing. */
export function parseHints(hints: Readonly<Record<string, string>>): Constraints | HintError {
  const labels: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(hints)) {
    if (name.startsWith(labelPrefix) && name.length > labelPrefix.length)
      labels.push([name.slice(labelPrefix.length), value]);
    else if (!['same_host', 'different_host', 'group', 'policy'].includes(name))
      return { error: `The hint "${name}" is not known; known are ${known}` };
  }
  const sameHost = containers('same_host', hints['same_host']);
  if ('error' in sameHost) return sameHost;
  const differentHost = containers('different_host', hints['different_host']);
  if ('error' in differentHost) return differentHost;
  const group = membership(hints['group'], hints['policy']);
  if (group && 'error' in group) return group;
  return { labels, sameHost, differentHost, group };
}

function containers(name: string, value: string | undefined): readonly string[] | HintError {
  if (value === undefined) return [];
  const ids = value.split(',').map((id) => id.trim().toLowerCase());
  const wrong = ids.find((id) => !uuidPattern.test(id));
  return wrong === undefined
    ? ids
    : { error: `The hint "${name}" must be UUIDs of containers with commas between, not "${wrong}"` };
}

function membership(
  name: string | undefined,
  policy: string | undefined,
): GroupMembership | HintError | null {
  if (name === undefined && policy === undefined) return null;
  const policies = groupPolicies.join(', ');
  if (name === undefined)
    return { error: `The hint "policy" needs the hint "group", the name of what it is for` };
  if (policy === undefined) return { error: `The hint "group" needs the hint "policy": one of ${policies}` };
  if (!groupPattern.test(name))
    return {
      error: `The hint "group" must be 1 to 63 letters, digits, dots, dashes and underscores, not "${name}"`,
    };
  return groupPolicies.includes(policy as GroupPolicy)
    ? { name, policy: policy as GroupPolicy }
    : { error: `The hint "policy" must be one of ${policies}, not "${policy}"` };
}
