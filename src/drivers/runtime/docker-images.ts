/** Images at a Docker engine: what is there, and pulling what is not. */
import type { IncomingMessage } from 'node:http';
import { TroupeError } from '../../errors/errors.ts';
import { registryOf } from '../../model/image.ts';
import type { RegistryCredential } from '../../model/registry.ts';
import type { DockerEngine } from './docker-engine.ts';
import { connectionError, imageAbsent, isDiskFull, isEngineDying, refusal } from './docker-errors.ts';
import { listImages, toReferences } from './docker-image-tools.ts';
import { jsonLines } from './json-lines.ts';
import type { RuntimeDriver } from './runtime-driver.ts';

export function dockerImages(engine: DockerEngine): Pick<RuntimeDriver, 'images' | 'pullImage'> {
  return {
    async images(signal) {
      return (await listImages(engine, signal)).flatMap(({ RepoTags }) => toReferences(engine, RepoTags));
    },

    async pullImage(_identity, image, policy, signal, credential = null) {
      if (policy !== 'always') {
        const imageId = await findImage(engine, image, signal);
        if (imageId !== null) return { imageId };
        if (policy === 'never') throw imageAbsent(image, 'the pull policy is "never"');
      }
      if (credential !== null && credential.domain !== registryOf(image))
        throw foreignCredential(image, credential);
      const problem = await pull(engine, image, credential, signal);
      const imageId = await findImage(engine, image, signal);
      // `always` asks the registry whether this image may still be used and is still the newest: an old copy is
      // no answer to that. The user is told that there is one.
      if (problem !== null) throw pullFailure(image, problem, imageId !== null, credential !== null);
      if (imageId === null) throw imageAbsent(image, 'pulled, and not there afterwards');
      return { imageId };
    },
  };
}

/** Id of the image on this host, or null. */
export async function findImage(
  engine: DockerEngine,
  image: string,
  signal: AbortSignal,
): Promise<string | null> {
  const path = `/images/${encodeURIComponent(image)}/json`;
  const reply = await engine.send<{ Id: string }>({ method: 'GET', path, signal });
  if (reply.ok) return engine.dialect.imageId(reply.body.Id);
  if (reply.status === 404) return null;
  if (reply.status === 400) throw invalidReference(image);
  throw refusal('The image could not be looked up', reply.status, reply.message);
}

/** @returns what the engine says went wrong; null when it is here */
async function pull(
  engine: DockerEngine,
  image: string,
  credential: RegistryCredential | null,
  signal: AbortSignal,
): Promise<string | null> {
  const reply = await engine.open({
    method: 'POST',
    path: '/images/create',
    query: pullQuery(image),
    ...(credential && { credential }),
    signal,
  });
  if (!reply.ok) {
    if (reply.status === 400) throw invalidReference(image);
    return reply.message;
  }
  try {
    return await readProgress(reply.body);
  } catch (error) {
    throw connectionError(error, engine.socketPath, signal);
  }
}

/** The status 200 is sent before the pull begins; a failure is the last line of the progress. */
async function readProgress(body: IncomingMessage): Promise<string | null> {
  let problem: string | null = null;
  for await (const progress of jsonLines(body))
    if (typeof progress === 'object' && progress !== null && 'error' in progress)
      problem = String(progress.error);
  return problem;
}

/** Without a tag Docker would pull every tag of the repository. */
export function pullQuery(image: string): Record<string, string> {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@')
    ? { fromImage: image }
    : { fromImage: image, tag: 'latest' };
}

/** Why a pull failed, in words a user understands. */
export function pullFailure(
  image: string,
  message: string,
  hasCopy: boolean,
  hasCredential = false,
): TroupeError {
  const details = { image, engine: message };
  if (isDiskFull(message))
    return new TroupeError('DISK_FULL', `Image "${image}" can't be pulled: the disk of this host is full`, {
      details,
    });
  if (isEngineDying(message))
    return new TroupeError('ENGINE_UNAVAILABLE', `Image "${image}" can't be pulled: ${message}`, { details });
  if (/no matching manifest/i.test(message))
    return new TroupeError('IMAGE_NOT_FOUND', `Image "${image}" is not made for this host's processor`, {
      details,
    });
  if (
    /unauthorized|authentication required|no basic auth credentials/i.test(message) &&
    !/pull access denied/i.test(message)
  )
    return new TroupeError(
      'REGISTRY_DENIED',
      hasCredential
        ? `Image "${image}" can't be pulled: its registry does not take the username and password: ${message}`
        : `Image "${image}" can't be pulled without logging in: name a registry with a username and password: ${message}`,
      { details },
    );
  if (
    /pull access denied|not found|manifest unknown|does not exist|denied:/i.test(message) &&
    !/lookup |dial tcp/.test(message)
  )
    return new TroupeError(
      'IMAGE_NOT_FOUND',
      `Image "${image}" is not in its registry, or may not be pulled without logging in: ${message}`,
      { details },
    );
  const copy = hasCopy
    ? '; a copy is on this host, which the pull policies "ifnotpresent" and "never" would use'
    : '';
  return new TroupeError(
    'REGISTRY_UNAVAILABLE',
    `The registry of image "${image}" can't be reached: ${message}${copy}`,
    {
      details,
    },
  );
}

/** Credentials are of one registry and go to no other, whoever asks. */
function foreignCredential(image: string, { domain }: RegistryCredential): TroupeError {
  return new TroupeError('FORBIDDEN', `Image "${image}" is not of the registry "${domain}"`, {
    details: { image, domain },
  });
}

function invalidReference(image: string): TroupeError {
  return new TroupeError('INVALID_SPEC', `Image "${image}" is not an image reference; write "name:tag"`, {
    details: { image },
  });
}
