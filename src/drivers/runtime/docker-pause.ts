/** Freezing a container at a Docker engine. */
import { TroupeError } from '../../errors/errors.ts';
import type { Observation } from '../../model/container.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { inspect, observed, requireOwn } from './docker-find.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { PausePower } from './runtime-powers.ts';

export function dockerPause(engine: DockerEngine): PausePower {
  const freeze = async (
    identity: OperationIdentity,
    verb: 'pause' | 'unpause',
    signal: AbortSignal,
  ): Promise<Observation> => {
    const info = await requireOwn(engine, identity, signal);
    const isSo = info.State.Paused === (verb === 'pause');
    if (isSo && info.State.Running) return observed(info, identity);
    if (!info.State.Running) throw notRunning(verb, identity);
    const reply = await engine.send({ method: 'POST', path: `/containers/${info.Id}/${verb}`, signal });
    const now = await inspect(engine, info.Id, signal);
    if (!reply.ok && now && now.State.Paused !== (verb === 'pause')) {
      if (!now.State.Running) throw notRunning(verb, identity);
      throw refusal(`The container could not be ${verb}d`, reply.status, reply.message);
    }
    return observed(now, identity);
  };
  return {
    pause: (identity, signal) => freeze(identity, 'pause', signal),
    unpause: (identity, signal) => freeze(identity, 'unpause', signal),
  };
}

/** Only what runs can be told `verb`. */
function notRunning(verb: string, { containerId }: OperationIdentity): TroupeError {
  return new TroupeError('INVALID_STATE', `Container "${containerId}" can't be ${verb}d: it does not run`);
}
