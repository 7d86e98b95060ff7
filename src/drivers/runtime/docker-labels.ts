/**
 * The labels by which the world can be rebuilt from a host. A container's
 * labels can't be changed at a Docker engine, so `troupe.run` and `troupe.op`
 * tell how it was created, not what happened to it since.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { OperationIdentity } from './runtime-driver.ts';

/** Everything under this prefix is Troupe's. */
export const labelPrefix = 'troupe.';
export const containerIdLabel = 'troupe.container-id';
/** Carried by a sandbox instead of `troupe.container-id`, so that listing containers never lists sandboxes. */
export const sandboxIdLabel = 'troupe.sandbox-id';

/** What a container's labels say of it. */
export interface OwnLabels {
  readonly opId: string;
  readonly worldId: string;
  readonly containerId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly epoch: number;
  readonly run: number;
}

/**
 * The labels of a container: the user's and ours.
 *
 * @throws TroupeError INVALID_SPEC when the user's contain one of ours
 */
export function containerLabels(
  identity: OperationIdentity,
  run: number,
  userLabels: Readonly<Record<string, string>>,
): Record<string, string> {
  for (const name of Object.keys(userLabels))
    if (name.startsWith(labelPrefix))
      throw new TroupeError(
        'INVALID_SPEC',
        `Label "${name}" can't be set: names that begin with "${labelPrefix}" are Troupe's own`,
        { details: { label: name } },
      );
  return {
    ...userLabels,
    [containerIdLabel]: identity.containerId,
    'troupe.run': String(run),
    ...ownerLabels(identity),
  };
}

/** The labels of a sandbox. */
export function sandboxLabels(identity: OperationIdentity): Record<string, string> {
  return { [sandboxIdLabel]: identity.containerId, ...ownerLabels(identity) };
}

function ownerLabels(identity: OperationIdentity): Record<string, string> {
  return {
    'troupe.world': identity.worldId,
    'troupe.tenant': identity.tenant,
    'troupe.generation': String(identity.generation),
    'troupe.op': identity.opId,
    'troupe.epoch': String(identity.epoch),
  };
}

/** Reads our labels back; null when they are not all there and well formed: then it is not ours. */
export function readLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  idLabel: typeof containerIdLabel | typeof sandboxIdLabel = containerIdLabel,
): OwnLabels | null {
  const containerId = labels?.[idLabel];
  const worldId = labels?.['troupe.world'];
  const tenant = labels?.['troupe.tenant'];
  const opId = labels?.['troupe.op'];
  const generation = count(labels?.['troupe.generation']);
  const epoch = count(labels?.['troupe.epoch']);
  const run = idLabel === sandboxIdLabel ? 0 : count(labels?.['troupe.run']);
  if (!containerId || !worldId || tenant === undefined || opId === undefined) return null;
  if (generation === null || epoch === null || run === null) return null;
  return { opId, worldId, containerId, tenant, generation, epoch, run };
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
