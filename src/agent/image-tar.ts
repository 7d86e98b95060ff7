/**
 * An image as a tar, as `docker save` writes it or as an OCI layout, plain or of gzip, made
 * into one that an engine loads under one name of ours and no other: names
 * that its maker gave it could take those of somebody else's images.
 *
 * What an engine goes by, `manifest.json`, is written last, and only once all
 * bytes before it were seen and found good: without it they are nothing to it.
 *
 * @see Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"
 * @see OCI Image Layout Specification
 */
import { createHash } from 'node:crypto';
import { once, type EventEmitter } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { extract, pack, type Extract, type Pack } from 'tar-stream';
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import { entryProblem, type ArchiveEntry } from '../model/archive.ts';
import { packedWithin, plainOf, type TooLarge } from '../model/gzip.ts';

export interface ImageTarOptions {
  /** For words. */
  readonly image: string;
  /** `repo:tag`, its only name. */
  readonly reference: string;
  /** As OCI names processors: which of several an index has is meant. */
  readonly architecture: string;
  /** Told of all bytes as they come. */
  readonly passed: (chunk: Buffer) => void;
  /** Asked at the end, before anything counts. @throws TroupeError when they are not what they should be */
  readonly check: () => void;
  /** Of a tar whose layers are apart: where they are, or that they stay there. */
  readonly layers: LayerSource | 'kept apart';
}

/** Where layers are that a tar leaves out: each the tar of what it changes, known by the sha256 of that. */
export interface LayerSource {
  /** The engine has these, one upon the other, and needs the last of them no more. */
  has(chain: readonly string[]): boolean;
  open(layer: string): AsyncIterable<Buffer>;
}

/** Of what is held: the descriptions of an image, never its layers. */
const descriptionMostBytes = 4 * 1024 * 1024;
const descriptionsMostBytes = 32 * 1024 * 1024;
/**
 * Of what gzip has made, unpacked: of the whole tar, or of one layer, which the engine unpacks. A layer that is
 * larger than a disk, or all zeros, is no layer that somebody made to be used.
 */
const unpackedMost = { bytesMost: 64 * 1024 * 1024 * 1024, ratioMost: 200 } as const;
const manifestName = 'manifest.json';
/** What newer engines go by before `manifest.json`, and what older ones go by without it. */
const left: ReadonlySet<string> = new Set(['index.json', 'oci-layout', 'repositories']);

/** Names the layers that are apart, from the lowest on. */
export const layersName = 'layers.json';
const layersShape = Compile(
  Type.Object({
    version: Type.Literal(1),
    layers: Type.Array(
      Type.Object({
        path: Type.String(),
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        sizeBytes: Type.Integer({ minimum: 0 }),
      }),
    ),
  }),
);

/** What {@link layersName} says. */
export interface ApartLayer {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

const digest = Type.String({ pattern: '^[a-z0-9]+:[0-9a-f]+$' });
const savedShape = Compile(
  Type.Array(Type.Object({ Config: Type.String(), Layers: Type.Array(Type.String()) })),
);
const indexShape = Compile(
  Type.Object({
    manifests: Type.Array(
      Type.Object({
        digest,
        platform: Type.Optional(Type.Object({ architecture: Type.String(), os: Type.String() })),
      }),
    ),
  }),
);
const manifestShape = Compile(
  Type.Object({ config: Type.Object({ digest }), layers: Type.Array(Type.Object({ digest })) }),
);

/** As `docker load` wants it. */
interface Saved {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/**
 * @param source destroyed with what is answered
 * @returns fails with IMAGE_CORRUPT for what is no image, with what `check` throws, or as `source` does
 */
export function imageTar(source: Readable, options: ImageTarOptions): Readable {
  const out = pack();
  const made = Readable.from(out as unknown as AsyncIterable<Buffer>, { objectMode: false });
  // It may fail before somebody reads it, who then is told.
  made.on('error', () => {});
  made.once('close', () => {
    source.destroy();
    out.destroy();
  });
  rewrite(source, out, options).then(
    () => out.finalize(),
    (error: unknown) => out.destroy(reasonOf(error, source, options)),
  );
  return made;
}

async function rewrite(source: Readable, out: Pack, options: ImageTarOptions): Promise<void> {
  const { image, reference } = options;
  const gone = new AbortController();
  out.once('close', () => gone.abort());
  const entries = extract();
  async function* seen(): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      options.passed(chunk);
      yield chunk;
    }
  }
  // How it fails is told by the entries, which are waited for.
  pipeline(
    plainOf(seen(), unpackedMost, tooLarge(image, 'it')),
    entries as unknown as NodeJS.WritableStream,
    () => {},
  );
  const descriptions = new Map<string, Buffer>();
  let held = 0;
  const describe = async (name: string, entry: Entry): Promise<Buffer> => {
    held += entry.header.size;
    if (entry.header.size > descriptionMostBytes || held > descriptionsMostBytes)
      throw corrupt(image, `its "${name}" is larger than any description of an image`);
    const chunks: Buffer[] = [];
    for await (const chunk of entry as unknown as AsyncIterable<Buffer>) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    descriptions.set(name, content);
    return content;
  };
  for await (const entry of entries) {
    const { header } = entry;
    const name = header.name.replace(/^\.\//, '');
    // Layers that gzip has made are the engine's to unpack.
    const handedOn = (content: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
      packedWithin(content, unpackedMost, tooLarge(image, `its "${name.slice(0, 200)}"`));
    const problem = entryProblem({ ...header, name: name === '' ? '.' : name } as ArchiveEntry);
    if (problem !== null) throw corrupt(image, `its "${name.slice(0, 200)}" ${problem}`);
    if (name === manifestName || name === layersName || left.has(name)) {
      await describe(name, entry);
      continue;
    }
    // A small blob may be a manifest of an OCI layout, which what is written last is made of.
    if (/^blobs\/[a-z0-9]+\/[0-9a-f]+$/.test(name) && header.size <= descriptionMostBytes / 4) {
      const content = await describe(name, entry);
      await write(out, entry, handedOn(Readable.from([content], { objectMode: false })), gone.signal);
      if (content[0] !== openingBrace) {
        descriptions.delete(name);
        held -= content.length;
      }
      continue;
    }
    await write(out, entry, handedOn(entry as unknown as AsyncIterable<Buffer>), gone.signal);
  }
  options.check();
  const apart = descriptions.get(layersName);
  if (apart && options.layers === 'kept apart') out.entry({ name: layersName }, apart);
  else if (apart) await addLayers(out, apart, options, gone.signal);
  const saved: readonly Saved[] = [{ ...imageIn(descriptions, options), RepoTags: [reference] }];
  out.entry({ name: manifestName }, JSON.stringify(saved));
}

type Entry = Extract extends AsyncIterable<infer E> ? E : never;

const openingBrace = '{'.charCodeAt(0);

async function write(
  out: Pack,
  { header }: Entry,
  content: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const isFile = header.type === 'file' || header.type === 'contiguous-file';
  const { name, linkname, mode, mtime } = header;
  const type = header.type === 'contiguous-file' ? 'file' : header.type;
  const sink = out.entry({ name, type, linkname, mode, mtime, size: isFile ? header.size : 0 });
  // How it fails is told by `out`.
  sink.on('error', () => {});
  for await (const chunk of content)
    if (isFile && !sink.write(chunk)) await once(sink as unknown as EventEmitter, 'drain', { signal });
  if (isFile) sink.end(null);
}

/** Those that the engine has not, each looked at by its hash. */
async function addLayers(
  out: Pack,
  description: Buffer,
  { image, layers }: ImageTarOptions,
  signal: AbortSignal,
): Promise<void> {
  const named = parsed(description);
  if (!layersShape.Check(named) || layers === 'kept apart')
    throw corrupt(image, `its "${layersName}" is no list of layers`);
  const given = new Set<string>();
  for (const [at, { path, sha256, sizeBytes }] of named.layers.entries()) {
    if (given.has(path) || layers.has(named.layers.slice(0, at + 1).map((each) => each.sha256))) continue;
    given.add(path);
    const problem = entryProblem({ name: path, type: 'file', linkname: null });
    if (problem !== null) throw corrupt(image, `its layer "${path.slice(0, 200)}" ${problem}`);
    const sink = out.entry({ name: path, size: sizeBytes });
    // How it fails is told by `out`.
    sink.on('error', () => {});
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of layers.open(sha256)) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > sizeBytes) break;
      if (!sink.write(chunk)) await once(sink as unknown as EventEmitter, 'drain', { signal });
    }
    if (bytes !== sizeBytes || hash.digest('hex') !== sha256)
      throw corrupt(image, `its layer ${sha256} came with other bytes than it should have`);
    sink.end(null);
  }
}

/** Which image the tar is of. @throws TroupeError IMAGE_CORRUPT */
function imageIn(
  descriptions: ReadonlyMap<string, Buffer>,
  { image, architecture }: ImageTarOptions,
): Omit<Saved, 'RepoTags'> {
  const read = <T extends TSchema>(name: string, shape: ReturnType<typeof Compile<T>>) => {
    const value = parsed(descriptions.get(name));
    if (shape.Check(value)) return value;
    throw corrupt(image, `its "${name}" is missing, or is no description of an image`);
  };
  if (descriptions.has(manifestName)) {
    const [first, ...others] = read(manifestName, savedShape);
    if (!first || others.length > 0)
      throw corrupt(image, `it holds ${first ? others.length + 1 : 'no'} images; save one, and no more`);
    return { Config: first.Config, Layers: first.Layers };
  }
  if (!descriptions.has('index.json'))
    throw corrupt(image, 'it is neither what "docker save" writes, nor an OCI layout');
  // An index may lead to another, which has one manifest for each kind of processor.
  let name = 'index.json';
  for (let depth = 0; depth < 3; depth += 1) {
    const value = parsed(descriptions.get(name));
    if (!indexShape.Check(value)) break;
    const fitting = value.manifests.filter(
      ({ platform }) => !platform || (platform.os === 'linux' && platform.architecture === architecture),
    );
    const [found] = fitting;
    if (!found) throw corrupt(image, `it is not made for this host's processor, "${architecture}"`);
    if (fitting.length > 1) throw corrupt(image, `it holds ${fitting.length} images; save one, and no more`);
    name = blob(found.digest);
  }
  const { config, layers } = read(name, manifestShape);
  return { Config: blob(config.digest), Layers: layers.map((layer) => blob(layer.digest)) };
}

const blob = (of: string): string => `blobs/${of.replace(':', '/')}`;

function parsed(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString('utf8') ?? '');
  } catch {
    return null;
  }
}

export const corrupt = (image: string, why: string): TroupeError =>
  new TroupeError('IMAGE_CORRUPT', `Image "${image}" can't be used: ${why}`, { details: { image } });

const tooLarge =
  (image: string, what: string): TooLarge =>
  (limit) =>
    corrupt(
      image,
      limit === 'ratio'
        ? `${what} unpacks to more than ${unpackedMost.ratioMost} times its size; upload it as it is, without gzip`
        : `${what} unpacks to more than ${unpackedMost.bytesMost / 1024 ** 3} GiB`,
    );

function reasonOf(error: unknown, source: Readable, { image }: ImageTarOptions): TroupeError {
  if (source.errored instanceof TroupeError) return source.errored;
  if (error instanceof TroupeError) return error;
  return corrupt(image, `it is no tar: ${error instanceof Error ? error.message : String(error)}`);
}
