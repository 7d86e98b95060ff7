/** Images of a Docker engine as tars. */
import { finished } from 'node:stream/promises';
import { TroupeError } from '../../errors/errors.ts';
import { splitImage } from '../../model/image.ts';
import type { DockerEngine } from './docker-engine.ts';
import {
  connectionError,
  diskFull,
  imageAbsent,
  isDiskFull,
  isEngineDying,
  refusal,
} from './docker-errors.ts';
import { listImages } from './docker-image-tools.ts';
import { findImage } from './docker-images.ts';
import { jsonLines } from './json-lines.ts';
import type { ImageTransferPower } from './runtime-powers.ts';

export function dockerImageTransfer(engine: DockerEngine): ImageTransferPower {
  const find: ImageTransferPower['find'] = (reference, signal) => findImage(engine, reference, signal);
  return {
    find,

    async load(image, tar, signal) {
      // A source that just goes away, without an error, would leave the engine waiting for its end.
      const cut = new AbortController();
      finished(tar, { writable: false }).catch((error: unknown) => cut.abort(error));
      try {
        const reply = await engine.open({
          method: 'POST',
          path: '/images/load',
          query: { quiet: '1' },
          tar,
          signal: AbortSignal.any([signal, cut.signal]),
        });
        const problem = reply.ok ? await problemIn(reply.body) : reply.message;
        if (problem !== null) throw loadFailure(image, problem);
      } catch (error) {
        throw tar.errored ?? connectionError(error, engine.socketPath, signal);
      } finally {
        tar.destroy();
      }
    },

    async layers(signal) {
      if (!engine.dialect.loadsWithoutLayers) return [];
      const images = await listImages(engine, signal);
      const described = await Promise.all(
        images.map(({ Id }) =>
          engine.send<{ RootFS?: { Layers?: readonly string[] } }>({
            method: 'GET',
            path: `/images/${encodeURIComponent(Id)}/json`,
            signal,
          }),
        ),
      );
      // One that has gone meanwhile is not there.
      return described.map((reply) =>
        reply.ok ? (reply.body.RootFS?.Layers ?? []).map((layer) => layer.replace(/^sha256:/, '')) : [],
      );
    },

    async save(reference, signal) {
      const path = `/images/${encodeURIComponent(reference)}/get`;
      const reply = await engine.open({ method: 'GET', path, signal });
      if (reply.ok) return reply.body;
      if (reply.status === 404) throw imageAbsent(reference, reply.message);
      throw refusal('The image could not be saved', reply.status, reply.message);
    },

    async rename(from, to, signal) {
      if ((await find(from, signal)) === null) {
        if ((await find(to, signal)) !== null) return;
        throw imageAbsent(from, 'it has neither name');
      }
      const { repo, tag } = splitImage(to);
      const path = `/images/${encodeURIComponent(from)}`;
      const named = await engine.send({ method: 'POST', path: `${path}/tag`, query: { repo, tag }, signal });
      if (!named.ok) throw refusal('The image could not be renamed', named.status, named.message);
      const left = await engine.send({ method: 'DELETE', path, signal });
      // A container that is made of it by that name keeps it.
      if (!left.ok && left.status !== 404 && left.status !== 409)
        throw refusal('The image could not be renamed', left.status, left.message);
    },
  };
}

/** The status 200 is sent before all was looked at; a failure is the last line. */
async function problemIn(body: AsyncIterable<Buffer>): Promise<string | null> {
  let problem: string | null = null;
  for await (const progress of jsonLines(body))
    if (typeof progress === 'object' && progress !== null && 'error' in progress)
      problem = String(progress.error);
  return problem;
}

function loadFailure(image: string, message: string): TroupeError {
  const attempt = `Image "${image}" could not be loaded`;
  if (isDiskFull(message)) return diskFull(attempt, message);
  if (isEngineDying(message)) return new TroupeError('ENGINE_UNAVAILABLE', `${attempt}: ${message}`);
  return new TroupeError('IMAGE_CORRUPT', `${attempt}: ${message}`, { details: { image, engine: message } });
}
