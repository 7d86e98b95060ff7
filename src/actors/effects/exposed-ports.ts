/**
 * Ports of a container that are let in by a security group of its own, as Zun
 * makes it. It is called after the container, so that who asks again, whatever came of the
 * first time, gets that group; and it says whose it is, for the ledger.
 * @see zun-api 3.6
 */
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import type { ExposedPort } from '../../model/network.ts';
import type { Neutron, NeutronSecurityGroup } from '../../model/neutron.ts';

const nameOf = (holderId: string): string => `zun-${holderId}`;

/** Whose group it is; null for one that is called otherwise. */
export const holderOfGroup = ({ name }: NeutronSecurityGroup): string | null =>
  /^zun-([0-9a-f-]{36})$/.exec(name)?.[1] ?? null;

type Holder = Pick<SandboxContext, 'id' | 'tenant' | 'claimedBy'>;

const groupsOf = async (
  neutron: Neutron,
  { id, tenant, claimedBy }: Holder,
  mark: string,
): Promise<readonly NeutronSecurityGroup[]> =>
  (await neutron.securityGroups(tenant, mark)).filter(({ name }) => name === nameOf(claimedBy ?? id));

/**
 * @param mark its description: whose world it is of
 * @returns its id
 * @throws TroupeError QUOTA_EXCEEDED, CLOUD_UNAVAILABLE, CLOUD_REFUSED
 */
export async function ensureGroup(
  neutron: Neutron,
  holder: Holder,
  ports: readonly ExposedPort[],
  mark: string,
): Promise<string> {
  const [found] = await groupsOf(neutron, holder, mark);
  const group =
    found ??
    (await neutron.createSecurityGroup({
      projectId: holder.tenant,
      name: nameOf(holder.claimedBy ?? holder.id),
      description: mark,
    }));
  for (const port of ports) await neutron.letIn(group.id, holder.tenant, port);
  return group.id;
}

/** Where its users gave it to ports of theirs it stays, and the ledger tells of it. */
export async function removeGroup(neutron: Neutron, holder: Holder, mark: string): Promise<void> {
  for (const { id } of await groupsOf(neutron, holder, mark)) await neutron.deleteSecurityGroup(id);
}
