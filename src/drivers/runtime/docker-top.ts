/** The processes of a container at a Docker engine. */
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { requireContainer } from './docker-find.ts';
import type { TopPower } from './runtime-powers.ts';

interface EngineTable {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[] | null;
}

export function dockerTop(engine: DockerEngine): TopPower {
  return {
    async top(containerId, psArgs, signal) {
      const info = await requireContainer(engine, containerId, signal);
      if (!info.State.Running) throw notRunning(containerId);
      const reply = await engine.send<EngineTable | undefined>({
        method: 'GET',
        path: `/containers/${info.Id}/top`,
        query: { ps_args: engine.dialect.topArguments(psArgs) },
        signal,
      });
      if (reply.ok && reply.body) return toTable(reply.body.Titles, reply.body.Processes ?? []);
      // Podman answers nothing when the image's ps(1) refuses its arguments.
      if (reply.ok) throw refused(psArgs, "the image's own ps refuses them");
      if (reply.status === 409) throw notRunning(containerId);
      if (/\bps\b/.test(reply.message)) throw refused(psArgs, reply.message);
      throw refusal('The processes could not be listed', reply.status, reply.message);
    },
  };
}

/** Lines of ps(1) that an engine did not split are split here: by blanks, the last title taking what is left. */
function toTable(titles: readonly string[], processes: readonly (readonly string[])[]) {
  const columns = titles.length === 1 ? words(titles[0] ?? '') : titles;
  return {
    titles: columns,
    processes: processes.map((cells) => {
      if (cells.length === columns.length) return cells;
      const parts = words(cells.join(' '));
      return [...parts.slice(0, columns.length - 1), parts.slice(columns.length - 1).join(' ')];
    }),
  };
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

function refused(psArgs: string, reason: string): TroupeError {
  return new TroupeError(
    'INVALID_SPEC',
    `The processes can't be listed with arguments "${psArgs}": ${reason}`,
  );
}

function notRunning(containerId: string): TroupeError {
  return new TroupeError('INVALID_STATE', `Container "${containerId}" has no processes: it does not run`);
}
