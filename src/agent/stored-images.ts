/**
 * Images that the control plane gives, and takes: the cloud has them, and this
 * host knows no password of it.
 *
 * I1. An image is called by the hash of its bytes, so that what is there is never fetched again.
 * I2. One fetch of an image at a time, whoever waits for it.
 * I3. Nothing is there before all of it has come and has that hash.
 */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Readable, type Duplex } from 'node:stream';
import { oneAtATime } from '../model/one-at-a-time.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { fromFailure, TroupeError } from '../errors/errors.ts';
import { firstWords, line } from '../link/first-words.ts';
import type { FetchRequest, OperationArguments, OperationOutcome, StoreRequest } from '../link/protocol.ts';
import type { Dialer } from '../link/transport.ts';
import { storedImage, type ImageDigest } from '../model/image.ts';
import { corrupt, imageTar } from './image-tar.ts';
import { layersIn, sendLayers } from './layers.ts';
import { power } from './power.ts';

type PullArguments = Extract<OperationArguments, { kind: 'pullImage' }>;
type FetchArguments = PullArguments & { readonly from: NonNullable<PullArguments['from']> };
type StoreArguments = Extract<OperationArguments, { kind: 'storeImage' }>;

export interface StoredImages {
  /** @throws TroupeError IMAGE_NOT_FOUND, IMAGE_CORRUPT, HOST_INCAPABLE, HOST_UNREACHABLE, what the control plane says */
  fetch(args: FetchArguments, signal: AbortSignal): Promise<{ readonly imageId: string }>;
  /** @throws TroupeError as {@link StoredImages.fetch} */
  store(args: StoreArguments, signal: AbortSignal): Promise<{ readonly digest: ImageDigest }>;
}

export function createStoredImages(driver: RuntimeDriver, dialer: Dialer): StoredImages {
  const perImage = oneAtATime();

  /** What the control plane says first, and the bytes that follow. @throws TroupeError what it says */
  const ask = async <T>(
    ticket: string,
    request: FetchRequest | StoreRequest,
    content: Readable | null,
    signal: AbortSignal,
  ): Promise<{ readonly output: T; readonly stream: Duplex; readonly rest: AsyncIterable<Buffer> }> => {
    const stream = await dialer.open(ticket, signal);
    /** How it failed by itself; that the other end went away is told by that end's silence. */
    const ownFailure = (): TroupeError | null =>
      content?.errored instanceof TroupeError ? content.errored : null;
    try {
      stream.write(line(request));
      // How sending fails is told by what the other end answers.
      if (content) pipeline(content, stream).catch(() => {});
      else if ('kind' in request) stream.end();
      const { said, rest } = await firstWords<OperationOutcome>(stream, wentAway).catch((error: unknown) => {
        throw ownFailure() ?? (error instanceof TroupeError ? error : wentAway());
      });
      if (!said.ok) throw ownFailure() ?? fromFailure(said.failure);
      return { output: said.output as T, stream, rest };
    } catch (error) {
      stream.destroy();
      throw error;
    }
  };

  /** @param isSparing leaves out layers that the engine has. @returns whether it left out any, where the engine did not take it */
  const load = async (
    { image, from }: FetchArguments,
    isSparing: boolean,
    signal: AbortSignal,
  ): Promise<'loaded' | 'more is needed'> => {
    const images = power(driver, 'imageTransfer');
    const { architecture } = await driver.fingerprint(signal);
    const chains = new Set<string>();
    for (const layers of isSparing ? await images.layers(signal) : [])
      layers.forEach((_, at) => chains.add(layers.slice(0, at + 1).join(' ')));
    const hash = createHash(from.digest.algorithm);
    let bytes = 0;
    let hasSpared = false;
    let isCut = false;
    const begin = async (layer: string | null): Promise<Readable> => {
      const { stream, rest } = await ask<null>(from.ticket, { layer }, null, signal);
      stream.once('error', () => (isCut = true));
      const content = Readable.from(rest, { objectMode: false });
      content.once('close', () => stream.destroy());
      return content;
    };
    try {
      const tar = imageTar(await begin(null), {
        image,
        // With the registry that engines add to it: some take another for names of a tar.
        reference: `docker.io/${image}`,
        architecture: processors[architecture] ?? architecture,
        passed(chunk) {
          hash.update(chunk);
          bytes += chunk.length;
        },
        check() {
          const value = hash.digest('hex');
          if (value !== from.digest.value)
            throw corrupt(
              image,
              `the ${bytes} bytes that came have the ${from.digest.algorithm} ${value}; nothing of them is kept`,
            );
        },
        layers: {
          has(chain) {
            const isThere = chains.has(chain.join(' '));
            hasSpared ||= isThere;
            return isThere;
          },
          async *open(layer) {
            for await (const chunk of (await begin(layer)) as AsyncIterable<Buffer>) {
              bytes += chunk.length;
              yield chunk;
            }
          },
        },
      });
      await images.load(image, tar, signal);
      return 'loaded';
    } catch (error) {
      if (isCut && !signal.aborted)
        throw new TroupeError(
          'HOST_UNREACHABLE',
          `Image "${image}" broke off after ${bytes} bytes on its way to this host`,
          { cause: error },
        );
      // It may have lost them meanwhile.
      if (hasSpared && error instanceof TroupeError && error.code === 'IMAGE_CORRUPT')
        return 'more is needed';
      throw error;
    }
  };

  const fetch: StoredImages['fetch'] = async (args, signal) => {
    const { image, policy } = args;
    const images = power(driver, 'imageTransfer');
    const known = await images.find(image, signal);
    if (known !== null) return { imageId: known };
    if (policy === 'never')
      throw new TroupeError(
        'IMAGE_NOT_FOUND',
        `Image "${image}" is not on this host, and the pull policy is "never"`,
      );
    if ((await load(args, true, signal)) === 'more is needed') await load(args, false, signal);
    const imageId = await images.find(image, signal);
    if (imageId === null) throw corrupt(image, 'the engine has taken it, and does not have it');
    return { imageId };
  };

  /** @returns what is sent as the image itself */
  const storeLayers = async ({ image, ticket }: StoreArguments, signal: AbortSignal): Promise<Readable> => {
    const images = power(driver, 'imageTransfer');
    const saved = await layersIn(await images.save(image, signal), image);
    const layers = [...new Set(saved.layers.map(({ sha256 }) => sha256))];
    const { output: absent, stream } = await ask<readonly string[]>(
      ticket,
      { kind: 'absent', layers },
      null,
      signal,
    );
    stream.destroy();
    if (absent.length > 0) {
      const tar = await images.save(image, signal);
      try {
        await sendLayers(tar, saved, new Set(absent), async ({ sha256 }, content) => {
          const { stream: used } = await ask(ticket, { kind: 'layer', layer: sha256 }, content, signal);
          used.destroy();
        });
      } finally {
        tar.destroy();
      }
    }
    return Readable.from([saved.rest]);
  };

  return {
    fetch: (args, signal) =>
      untilAborted(
        perImage(args.image, () => fetch(args, signal)),
        signal,
      ),
    async store(args, signal) {
      const { image, name, ticket, isLayered } = args;
      const images = power(driver, 'imageTransfer');
      const isThere = (await images.find(image, signal)) !== null;
      const saved = !isThere
        ? // It was stored, and lost its name here, before that was told: the other end knows.
          Readable.from([])
        : isLayered
          ? await storeLayers(args, signal)
          : await images.save(image, signal);
      const tar = isThere
        ? imageTar(saved, {
            image,
            reference: name,
            architecture: '',
            passed: () => {},
            check: () => {},
            layers: 'kept apart',
          })
        : saved;
      const { output: digest, stream } = await ask<ImageDigest>(ticket, { kind: 'image' }, tar, signal);
      stream.destroy();
      if (isThere) await images.rename(image, storedImage(digest), signal);
      return { digest };
    },
  };
}

/** As the kernel names processors, and as images do. */
const processors: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

const wentAway = (): TroupeError =>
  new TroupeError('HOST_UNREACHABLE', 'The control plane went away while an image was on its way; try again');

/** Whoever leaves does not wait for the fetch of another. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
