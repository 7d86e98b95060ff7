/** An image of what a container at a Docker engine is now. */
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, requireOwn } from './docker-find.ts';
import { blankLabels } from './docker-labels.ts';
import type { CommitPower } from './runtime-powers.ts';

/** Labels of an image become those of its containers, and ours would make a stranger's container one of ours. */
const changes = Object.keys(blankLabels)
  .map((name) => `LABEL ${name}=`)
  .join('\n');

export function dockerCommit(engine: DockerEngine): CommitPower {
  return {
    async commit(identity, { repository, tag }, signal) {
      const info = await requireOwn(engine, identity, signal);
      const reply = await engine.send<{ Id: string }>({
        method: 'POST',
        path: '/commit',
        query: { container: info.Id, repo: repository, tag, pause: '1', changes },
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
