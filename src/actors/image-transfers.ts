/**
 * Bytes of images on their way between the store of images and hosts: for one
 * operation each, as long as it runs. Nothing of them is held here.
 */
import { pipeline } from 'node:stream/promises';
import { Transform, type Duplex, type Readable } from 'node:stream';
import { toFailure, TroupeError } from '../errors/errors.ts';
import { firstWords, line } from '../link/first-words.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { FetchRequest, OperationOutcome, StoreRequest } from '../link/protocol.ts';
import type { Environment } from '../model/environment.ts';
import type { ImageDigest } from '../model/image.ts';
import type { Progress } from '../model/lifecycle.ts';
import type { ImageStore, StoredImageWish } from './image-store.ts';

export interface ImageTransfers {
  /** Images that hosts send go there in layers. */
  readonly isLayered: boolean;
  /** The agent of the operation may fetch this image. @returns the ticket */
  give(
    opId: string,
    image: { readonly tenant: string; readonly id: string; readonly digest: ImageDigest },
  ): string;
  /** The agent of the operation sends this image. @returns the ticket */
  take(opId: string, wish: StoredImageWish): string;
  /** The operation has ended or is not wanted any more: its ticket is good for nothing, and what flows by it is cut off. */
  end(opId: string): void;
  /** Null for an operation that has nothing on its way. */
  progress(opId: string): Progress | null;
}

/** @param store null where the site has none */
export function createImageTransfers(
  environment: Environment,
  links: () => Pick<HostLinks, 'offerStream'>,
  store: ImageStore | null,
  isLayered: boolean,
): ImageTransfers {
  interface Transfer {
    readonly withdraw: () => void;
    readonly ending: AbortController;
    progress: Progress | null;
  }
  const transfers = new Map<string, Transfer>();

  const begin = (
    opId: string,
    carry: (
      socket: Duplex,
      transfer: Transfer,
      store: ImageStore,
      say: (outcome: OperationOutcome) => void,
    ) => Promise<void>,
  ): string => {
    const offer = links().offerStream((socket) => {
      const { signal } = transfer.ending;
      const cut = (): void => void socket.destroy();
      signal.addEventListener('abort', cut, { once: true });
      socket.once('close', () => signal.removeEventListener('abort', cut));
      // How a socket fails is told by whoever reads it, or writes to it.
      socket.on('error', () => {});
      let isSaid = false;
      const say = (outcome: OperationOutcome): void => {
        isSaid = true;
        socket.write(line(outcome));
      };
      const carried = store ? carry(socket, transfer, store, say) : Promise.reject(noStore());
      carried.catch((error: unknown) => {
        if (!signal.aborted)
          environment.log.warn({ op_id: opId, err: error }, 'an image could not be moved to its end');
        // Behind the line come bytes: the other end sees that they broke off.
        if (isSaid || socket.destroyed) return void socket.destroy();
        say({ ok: false, failure: toFailure(error) });
        socket.end();
        // What still comes is wanted by nobody, and would keep the other end from reading this.
        socket.resume();
      });
    });
    const transfer: Transfer = { withdraw: offer.withdraw, ending: new AbortController(), progress: null };
    api.end(opId);
    transfers.set(opId, transfer);
    return offer.ticket;
  };

  /** All that flows for the operation, with what came and went before. */
  const counted = (transfer: Transfer, totalBytes: number | null): Transform => {
    const { doneBytes: before = 0, totalBytes: totalBefore = 0 } = transfer.progress ?? {};
    const total = totalBytes === null || totalBefore === null ? null : totalBefore + totalBytes;
    transfer.progress = { doneBytes: before, totalBytes: total };
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        transfer.progress = {
          doneBytes: (transfer.progress?.doneBytes ?? 0) + chunk.length,
          totalBytes: transfer.progress?.totalBytes ?? null,
        };
        done(null, chunk);
      },
    });
  };

  const api: ImageTransfers = {
    isLayered,
    give: (opId, { tenant, id, digest }) =>
      begin(opId, async (socket, transfer, images, say) => {
        const { signal } = transfer.ending;
        const { layer } = (await firstWords<FetchRequest>(socket, wentAway)).said;
        const { bytes, sizeBytes } =
          layer === null
            ? await images.open(tenant, id, digest, signal)
            : await images.openLayer(tenant, id, assertLayer(layer), signal);
        if (socket.destroyed) return void bytes.destroy();
        say({ ok: true, output: null });
        await pipeline(bytes, counted(transfer, sizeBytes), socket);
      }),
    take(opId, wish) {
      let layers: readonly string[] | null = null;
      let current = new AbortController();
      return begin(opId, async (socket, transfer, images, say) => {
        // An agent sends one thing at a time: what still flows is of one that is no more. While its bytes stand still
        // nobody would notice that it is gone, and the image would be held.
        current.abort();
        current = new AbortController();
        const signal = AbortSignal.any([transfer.ending.signal, current.signal]);
        const { said: request, rest } = await firstWords<StoreRequest>(socket, wentAway);
        const received = (): Readable => {
          const counting = counted(transfer, null);
          pipeline(wholeOf(rest), counting).catch(() => {});
          return counting;
        };
        switch (request.kind) {
          case 'absent':
            layers = request.layers.map(assertLayer);
            say({ ok: true, output: await images.absentLayers(wish.tenant, layers) });
            break;
          case 'layer':
            await images.keepLayer(wish, assertLayer(request.layer), received(), signal);
            say({ ok: true, output: null });
            break;
          case 'image':
            say({ ok: true, output: await images.keep(wish, layers, received(), signal) });
        }
        socket.end();
        socket.resume();
      });
    },
    end(opId) {
      const transfer = transfers.get(opId);
      transfers.delete(opId);
      transfer?.withdraw();
      transfer?.ending.abort();
    },
    progress: (opId) => transfers.get(opId)?.progress ?? null,
  };
  return api;
}

/** An end before anything came is a host that has no such image. */
async function* wholeOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isEmpty = true;
  for await (const chunk of bytes) {
    isEmpty = false;
    yield chunk;
  }
  if (isEmpty) throw new TroupeError('IMAGE_NOT_FOUND', 'The host has the image no more; commit it anew');
}

/** What a host says is not believed. @throws TroupeError INVALID_VALUE */
function assertLayer(layer: unknown): string {
  if (typeof layer === 'string' && /^[0-9a-f]{64}$/.test(layer)) return layer;
  throw new TroupeError('INVALID_VALUE', 'A layer is named by its sha256: 64 hexadecimal digits');
}

const wentAway = (): TroupeError =>
  new TroupeError('HOST_UNREACHABLE', 'The host went away while an image was on its way; try again');

const noStore = (): TroupeError =>
  new TroupeError('CLOUD_REFUSED', 'This site has no Glance (any more); its configuration names no cloud');
