/** The host of a container: of a member that was never called there, its capsule's. */
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { capsuleAddress } from '../model/address.ts';
import type { Runtime } from './runtime.ts';

/** @returns null while it has none */
export function homeOf(
  runtime: Pick<Runtime, 'cell'>,
  { tenant, hostId, capsuleId }: Pick<ContainerContext, 'tenant' | 'hostId' | 'capsuleId'>,
): string | null {
  if (hostId !== null || capsuleId === null) return hostId;
  const capsule = runtime.cell(capsuleAddress(tenant, capsuleId))?.committed?.record.context;
  return (capsule as CapsuleContext | undefined)?.hostId ?? null;
}
