/** Layers of an image that is saved: what they are, and the tar that is left when they go apart. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { corrupt, layersName, type ApartLayer } from './image-tar.ts';

export interface SavedLayers {
  /** From the lowest on; one that is there twice is named twice. */
  readonly layers: readonly ApartLayer[];
  /** The image without them, for `image-tar.ts` to read. */
  readonly rest: Buffer;
}

interface Manifest {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/** Of the description of an image, which is held. */
const descriptionMostBytes = 4 * 1024 * 1024;

/** @param tar as `docker save` writes it; read to its end, and nothing of its layers held. @throws TroupeError IMAGE_CORRUPT */
export async function layersIn(tar: Readable, image: string): Promise<SavedLayers> {
  const files = new Map<string, Pick<ApartLayer, 'sha256' | 'sizeBytes'>>();
  const links = new Map<string, string>();
  const descriptions = new Map<string, Buffer>();
  for await (const { header, content } of entriesOf(tar)) {
    if (header.type === 'symlink' || header.type === 'link')
      links.set(
        header.name,
        header.type === 'link'
          ? (header.linkname ?? '')
          : posix.join(posix.dirname(header.name), header.linkname ?? ''),
      );
    if (header.type !== 'file') continue;
    if (/\.json$|^blobs\//.test(header.name) && header.size <= descriptionMostBytes)
      descriptions.set(header.name, await buffer(content));
    const held = descriptions.get(header.name);
    const hash = createHash('sha256');
    if (held) hash.update(held);
    else for await (const chunk of content) hash.update(chunk);
    files.set(header.name, { sha256: hash.digest('hex'), sizeBytes: header.size });
  }
  const [manifest] = JSON.parse(descriptions.get('manifest.json')?.toString('utf8') ?? '[]') as Manifest[];
  const config = descriptions.get(manifest?.Config ?? '');
  if (!manifest || !config) throw corrupt(image, 'its engine saves it as something that is no image');
  const layers = manifest.Layers.map((path): ApartLayer => {
    const file = files.get(links.get(path) ?? path);
    if (!file) throw corrupt(image, `its engine saves it without its layer "${path}"`);
    return { path, ...file };
  });
  const out = pack();
  out.entry({ name: manifest.Config }, config);
  out.entry({ name: layersName }, JSON.stringify({ version: 1, layers }));
  out.entry({ name: 'manifest.json' }, JSON.stringify([manifest]));
  out.finalize();
  return { layers, rest: await buffer(Readable.from(out as unknown as AsyncIterable<Buffer>)) };
}

/** Files of a tar, each to be read before the next. */
async function* entriesOf(tar: Readable) {
  const entries = extract();
  // How it fails is told by the entries, which are waited for.
  pipeline(tar, entries as unknown as NodeJS.WritableStream, () => {});
  for await (const entry of entries) {
    const content = Readable.from(entry as unknown as AsyncIterable<Buffer>, { objectMode: false });
    yield { header: entry.header, content };
    content.resume();
  }
}

/** The layers of these, each once, as they come. @param send resolves once it has read all of one */
export async function sendLayers(
  tar: Readable,
  { layers }: SavedLayers,
  absent: ReadonlySet<string>,
  send: (layer: ApartLayer, content: Readable) => Promise<void>,
): Promise<void> {
  const left = new Set(absent);
  const byPath = new Map(layers.map((layer) => [layer.path, layer]));
  for await (const { header, content } of entriesOf(tar)) {
    const layer = header.type === 'file' ? byPath.get(header.name) : undefined;
    if (layer && left.delete(layer.sha256)) await send(layer, content);
    if (left.size === 0) break;
  }
}
