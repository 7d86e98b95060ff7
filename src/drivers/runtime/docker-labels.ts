/**
 * The labels by which the world can be rebuilt from a host. A container's
 * labels can't be changed at a Docker engine, so `troupe.run` and `troupe.op`
 * tell how it was created, not what happened to it since.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { OperationIdentity, OwnerIdentity } from './operation-identity.ts';

/** Everything under this prefix is Troupe's. */
export const labelPrefix = 'troupe.';
/** Carried by all that is ours. */
export const worldLabel = 'troupe.world';
export const containerIdLabel = 'troupe.container-id';
/** Of a sandbox its id; of a container, which has the label above too, the sandbox it joined. */
export const sandboxIdLabel = 'troupe.sandbox-id';
/** Of a container that joined a sandbox: the name its processes see. */
export const hostnameLabel = 'troupe.hostname';

/** Of an image that was made of a container: the operation that made it. It makes nothing ours. */
export const commitLabel = 'troupe.commit';

/** What we make at an engine: each is found by the label that holds its id. */
export type Kind = 'container' | 'sandbox';

export const idLabels: Readonly<Record<Kind, string>> = {
  container: containerIdLabel,
  sandbox: sandboxIdLabel,
};

/** What our labels say of a container or a sandbox. */
export interface OwnLabels {
  /** The container's, or the sandbox's. */
  readonly id: string;
  readonly opId: string;
  readonly worldId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly epoch: number;
  /** 0 for a sandbox. */
  readonly run: number;
  /** The sandbox a container joined; null for one that joined none, and for a sandbox. */
  readonly sandboxId: string | null;
  readonly hostname: string | null;
}

/** The sandbox a container joins, and the name it gets there. */
export interface JoinedSandbox {
  readonly sandboxId: string;
  readonly hostname: string | null;
}

/**
 * The labels of a container: the user's and ours.
 *
 * @throws TroupeError INVALID_SPEC when the user's contain one of ours
 */
export function containerLabels(
  identity: OperationIdentity,
  run: number,
  joined: JoinedSandbox | null,
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
    ...(joined && { [sandboxIdLabel]: joined.sandboxId }),
    ...(joined?.hostname && { [hostnameLabel]: joined.hostname }),
    ...ownerLabels(identity),
  };
}

/** The labels of a sandbox. */
export function sandboxLabels(identity: OwnerIdentity, sandboxId: string): Record<string, string> {
  return { [sandboxIdLabel]: sandboxId, ...ownerLabels(identity) };
}

/** Every label of ours with no value: what makes a copy of a container a stranger to us. */
export const blankLabels: Readonly<Record<string, string>> = Object.fromEntries(
  [
    containerIdLabel,
    sandboxIdLabel,
    hostnameLabel,
    worldLabel,
    'troupe.run',
    'troupe.tenant',
    'troupe.generation',
    'troupe.op',
    'troupe.epoch',
  ].map((name) => [name, '']),
);

function ownerLabels(identity: OwnerIdentity): Record<string, string> {
  return {
    [worldLabel]: identity.worldId,
    'troupe.tenant': identity.tenant,
    'troupe.generation': String(identity.generation),
    'troupe.op': identity.opId,
    'troupe.epoch': String(identity.epoch),
  };
}

/** Reads our labels back; null when they are not all there and well formed: then it is not ours, or of the other kind. */
export function readLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  kind: Kind = 'container',
): OwnLabels | null {
  const isContainer = kind === 'container';
  const id = labels?.[idLabels[kind]];
  const worldId = labels?.[worldLabel];
  const tenant = labels?.['troupe.tenant'];
  const opId = labels?.['troupe.op'];
  const generation = count(labels?.['troupe.generation']);
  const epoch = count(labels?.['troupe.epoch']);
  const run = isContainer ? count(labels?.['troupe.run']) : 0;
  if (!id || !worldId || tenant === undefined || opId === undefined) return null;
  if (generation === null || epoch === null || run === null) return null;
  if (!isContainer && labels?.[containerIdLabel]) return null;
  const sandboxId = isContainer ? labels?.[sandboxIdLabel] || null : null;
  const hostname = labels?.[hostnameLabel] || null;
  return { id, opId, worldId, tenant, generation, epoch, run, sandboxId, hostname };
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
