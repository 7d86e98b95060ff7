/** Two-way streams with a process in a container at a Docker engine. */
import { Duplex } from 'node:stream';
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, requireOwn } from './docker-find.ts';
import { Demultiplexer } from './docker-logs.ts';
import type { AttachPower } from './runtime-powers.ts';

export function dockerAttach(engine: DockerEngine): AttachPower {
  return {
    async attach(identity, signal) {
      const info = await requireOwn(engine, identity, signal);
      if (!info.State.Running) throw notRunning(identity.containerId);
      const reply = await engine.upgrade({
        method: 'POST',
        path: `/containers/${info.Id}/attach`,
        query: { stream: '1', stdout: '1', stderr: '1', ...(info.Config.OpenStdin && { stdin: '1' }) },
        signal,
      });
      if (reply.ok) return info.Config.Tty ? reply.connection : toPlainDuplex(reply.connection);
      if (reply.status === 404) throw gone(identity);
      if (reply.status === 409) throw notRunning(identity.containerId);
      throw refusal('The container could not be attached to', reply.status, reply.message);
    },

    async resize(identity, { rows, columns }, signal) {
      const info = await requireOwn(engine, identity, signal);
      if (!info.State.Running) throw notRunning(identity.containerId);
      const reply = await engine.send({
        method: 'POST',
        path: `/containers/${info.Id}/resize`,
        query: { h: String(rows), w: String(columns) },
        signal,
      });
      if (reply.ok) return;
      if (reply.status === 409) throw notRunning(identity.containerId);
      throw refusal('The terminal could not be resized', reply.status, reply.message);
    },
  };
}

/** What is read comes without Docker's frames; what is written has none. */
export function toPlainDuplex(connection: Duplex): Duplex {
  const readable = new Demultiplexer();
  connection.pipe(readable);
  connection.once('error', (error) => readable.destroy(error));
  connection.once('close', () => readable.writableEnded || readable.destroy(cutOff()));
  return Duplex.from({ readable, writable: connection });
}

function cutOff(): TroupeError {
  return new TroupeError('ENGINE_UNAVAILABLE', 'The container engine closed the stream');
}

function notRunning(containerId: string): TroupeError {
  return new TroupeError('INVALID_STATE', `Container "${containerId}" has no terminal now: it does not run`);
}
