/** An image of what a container at a Docker engine is now. */
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, requireOwn } from './docker-find.ts';
import { toReferences } from './docker-image-tools.ts';
import { blankLabels, commitLabel } from './docker-labels.ts';
import type { CommitPower } from './runtime-powers.ts';

/** Labels of an image become those of its containers, and ours would make a stranger's container one of ours. */
const changesOf = (opId: string): string =>
  [...Object.keys(blankLabels).map((name) => `LABEL ${name}=`), `LABEL ${commitLabel}=${opId}`].join('\n');

export function dockerCommit(engine: DockerEngine): CommitPower {
  return {
    async commit(identity, { repository, tag }, signal) {
      const before = await findCommit(engine, `${repository}:${tag}`, signal);
      if (before?.opId === identity.opId) return { imageId: engine.dialect.imageId(before.id) };
      const info = await requireOwn(engine, identity, signal);
      const reply = await engine.send<{ Id: string }>({
        method: 'POST',
        path: '/commit',
        query: {
          container: info.Id,
          repo: repository,
          tag,
          pause: '1',
          changes: changesOf(identity.opId),
        },
        // Podman wants a body; this one says nothing.
        body: { Hostname: '' },
        signal,
      });
      if (reply.ok) {
        if (before) await dropUntagged(engine, before.id, signal);
        return { imageId: engine.dialect.imageId(reply.body.Id) };
      }
      if (reply.status === 404) throw gone(identity);
      throw refusal('The container could not be made an image', reply.status, reply.message);
    },
  };
}

interface Commit {
  readonly id: string;
  /** The operation that made it; null for an image that no commit of ours made. */
  readonly opId: string | null;
}

/** What has the name now. */
async function findCommit(engine: DockerEngine, image: string, signal: AbortSignal): Promise<Commit | null> {
  const reply = await engine.send<{
    Id: string;
    Config: { Labels?: Readonly<Record<string, string>> | null };
  }>({ method: 'GET', path: `/images/${encodeURIComponent(image)}/json`, signal });
  if (reply.ok) return { id: reply.body.Id, opId: reply.body.Config.Labels?.[commitLabel] ?? null };
  if (reply.status === 404) return null;
  throw refusal('The image could not be looked up', reply.status, reply.message);
}

/** Nobody can name what has lost its last name; where a container is made of it, or it has another, it stays. */
async function dropUntagged(engine: DockerEngine, id: string, signal: AbortSignal): Promise<void> {
  const path = `/images/${encodeURIComponent(id)}`;
  const left = await engine.send<{ RepoTags?: readonly string[] | null }>({
    method: 'GET',
    path: `${path}/json`,
    signal,
  });
  if (!left.ok || toReferences(engine, left.body.RepoTags ?? null).length > 0) return;
  await engine.send({ method: 'DELETE', path, signal });
}
