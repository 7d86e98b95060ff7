/** An image of what a container at a Docker engine is now. */
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, requireOwn } from './docker-find.ts';
import { blankLabels, commitLabel } from './docker-labels.ts';
import type { CommitPower } from './runtime-powers.ts';

/** Labels of an image become those of its containers, and ours would make a stranger's container one of ours. */
const changesOf = (opId: string): string =>
  [...Object.keys(blankLabels).map((name) => `LABEL ${name}=`), `LABEL ${commitLabel}=${opId}`].join('\n');

export function dockerCommit(engine: DockerEngine): CommitPower {
  return {
    async commit(identity, { repository, tag }, signal) {
      const image = `${repository}:${tag}`;
      const made = await findMade(engine, image, identity.opId, signal);
      if (made !== null) return { imageId: made };
      const info = await requireOwn(engine, identity, signal);
      const reply = await engine.send<{ Id: string }>({
        method: 'POST',
        path: '/commit',
        query: { container: info.Id, repo: repository, tag, pause: '1', changes: changesOf(identity.opId) },
        // Podman wants a body; this one says nothing.
        body: { Hostname: '' },
        signal,
      });
      if (reply.ok) return { imageId: engine.dialect.imageId(reply.body.Id) };
      if (reply.status === 404) throw gone(identity);
      throw refusal('The container could not be made an image', reply.status, reply.message);
    },
  };
}

/** What this operation has made already, if its tag is still on it. */
async function findMade(
  engine: DockerEngine,
  image: string,
  opId: string,
  signal: AbortSignal,
): Promise<string | null> {
  const reply = await engine.send<{
    Id: string;
    Config: { Labels?: Readonly<Record<string, string>> | null };
  }>({
    method: 'GET',
    path: `/images/${encodeURIComponent(image)}/json`,
    signal,
  });
  if (reply.ok)
    return reply.body.Config.Labels?.[commitLabel] === opId ? engine.dialect.imageId(reply.body.Id) : null;
  if (reply.status === 404) return null;
  throw refusal('The image could not be looked up', reply.status, reply.message);
}
