/**
 * Creates a container or a sandbox unless it is there. Its name keeps out a
 * second one; one of ours that was renamed by hand no longer holds the name,
 * and is found by its labels. That list is asked for beside the create and not
 * before it, so that it costs no time; an engine with many containers needs
 * long for it, so it isn't asked for what was never made.
 */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { engineName, type Found, findLabelled, inspect, removeByEngineId } from './docker-find.ts';
import { type Kind, readLabels } from './docker-labels.ts';
import type { OwnerIdentity } from './operation-identity.ts';

export interface Wanted {
  readonly kind: Kind;
  readonly id: string;
  readonly identity: OwnerIdentity;
  readonly body: Docker.ContainerCreateOptions;
  readonly isFirst: boolean;
  /** Whether one of the same generation is what is asked for; if not it is replaced. */
  fits(found: Found): boolean;
  /** What an error status of create means. */
  refuse(status: number, message: string): TroupeError;
}

/** How often a name that is taken, and then let go, is asked for. */
const attempts = 3;

export interface Settled {
  readonly engineId: string;
  /** As it was found; null for one that was just made. */
  readonly found: Docker.ContainerInspectInfo | null;
}

/** @throws TroupeError NAME_IN_USE, STALE_COMMAND, and what `refuse` makes of the engine's answer */
export async function createOrAdopt(
  engine: DockerEngine,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Settled> {
  const { kind, id, identity, body, isFirst } = wanted;
  const name = engineName(kind, id);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [reply, labelled] = await Promise.all([
      engine.send<{ Id: string }>({
        method: 'POST',
        path: '/containers/create',
        query: { name },
        body,
        signal,
      }),
      isFirst && attempt === 0 ? [] : findLabelled(engine, kind, id, signal),
    ]);
    const made = reply.ok ? reply.body.Id : null;
    const others = labelled.filter(
      ({ engineId, labels }) => engineId !== made && labels.worldId === identity.worldId,
    );
    const engineId = await settle(engine, wanted, made, others, signal);
    if (engineId !== null && engineId === made) return { engineId, found: null };
    const found = engineId === null ? null : await inspect(engine, engineId, signal);
    if (found && readLabels(found.Config.Labels, kind)) return { engineId: found.Id, found };
    if (!reply.ok && reply.status !== 409) throw wanted.refuse(reply.status, reply.message);
    await assertNameIsOurs(engine, wanted, signal);
  }
  throw new TroupeError(
    'ENGINE_ERROR',
    `The ${kind} could not be created: the engine still works on an earlier one named "${name}"`,
    { retryable: true },
  );
}

/**
 * Removes what stands in the way and says which one is what was asked for: an
 * earlier one of this generation before the one just made.
 */
async function settle(
  engine: DockerEngine,
  { kind, id, identity, fits }: Wanted,
  made: string | null,
  others: readonly Found[],
  signal: AbortSignal,
): Promise<string | null> {
  const newer = others.find(({ labels }) => labels.generation > identity.generation);
  const adopted = others.find(
    (found) =>
      found.labels.generation === identity.generation &&
      found.state !== 'dead' &&
      found.state !== 'removing' &&
      fits(found),
  );
  if (made !== null && (newer || adopted)) await removeByEngineId(engine, made, signal);
  if (newer)
    throw new TroupeError(
      'STALE_COMMAND',
      `Generation ${identity.generation} of ${kind} "${id}" is not created: generation ${newer.labels.generation} is on this host`,
    );
  for (const other of others) if (other !== adopted) await removeByEngineId(engine, other.engineId, signal);
  return adopted?.engineId ?? made;
}

async function assertNameIsOurs(
  engine: DockerEngine,
  { kind, id, identity }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const name = engineName(kind, id);
  const holder = await inspect(engine, name, signal);
  if (!holder) return;
  const labels = readLabels(holder.Config.Labels, kind);
  if (labels?.id === id && labels.worldId === identity.worldId) return;
  throw new TroupeError(
    'NAME_IN_USE',
    `The ${kind} could not be created: the name "${name}" belongs to another container of this engine, "${holder.Id.slice(0, 12)}"; rename or remove that`,
    { details: { engineId: holder.Id } },
  );
}
