/** Files of a container, where the container is now: streamed from its host and to it, nothing held. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { fromFailure, TroupeError } from '../errors/errors.ts';
import { firstWords } from '../link/first-words.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { OperationOutcome } from '../link/protocol.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { PathStat } from '../model/archive.ts';

/** @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, or what its engine answered */
export async function getArchive(
  links: HostLinks,
  { id, hostId }: ContainerContext,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly tar: Readable }> {
  const stream = await links.openStream(hostId ?? '', id, { kind: 'getArchive', path }, signal);
  const { said: stat, rest } = await firstWords<PathStat>(stream, wentAway);
  const tar = Readable.from(rest, { objectMode: false });
  tar.once('close', () => stream.destroy());
  return { stat, tar };
}

/**
 * Resolves once all is unpacked. What had come before a failure stays.
 * @param tar destroyed in the end
 * @throws TroupeError as {@link getArchive}; how `tar` fails, when it does
 */
export async function putArchive(
  links: HostLinks,
  { id, tenant, generation, hostId }: ContainerContext,
  path: string,
  tar: Readable,
  signal: AbortSignal,
): Promise<void> {
  try {
    const stream = await links.openStream(
      hostId ?? '',
      id,
      { kind: 'putArchive', tenant, generation, path },
      signal,
    );
    // How sending fails is told by the tar, or by what the host answers.
    const sent = pipeline(tar, stream).catch(() => {});
    try {
      const { said: outcome } = await firstWords<OperationOutcome>(stream, wentAway);
      if (!outcome.ok) throw fromFailure(outcome.failure);
      await sent;
    } catch (error) {
      throw tar.errored ?? error;
    } finally {
      stream.destroy();
    }
  } finally {
    tar.destroy();
  }
}

const wentAway = (): TroupeError =>
  new TroupeError('HOST_UNREACHABLE', 'The host went away while files were copied; try again');
