/** Glance for the actors and for the API. */
import { createHash } from 'node:crypto';
import { pipeline, Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ImageStore } from '../actors/image-store.ts';
import type { ImageCatalogue } from '../api/zun/stored-images.ts';
import { TroupeError } from '../errors/errors.ts';
import { digestAlgorithms, type ImageDigest } from '../model/image.ts';
import { oneAtATime } from '../model/one-at-a-time.ts';
import type { Glance, GlanceImage } from '../openstack/glance.ts';

/** Who made it, and of which world: what was left half made is known by them. */
const worldMark = 'troupe_world';
const imageMark = 'troupe_image';
/** Of a layer: the sha256 of its tar. Of an image whose layers are apart: those of all of them, with commas between. */
const layerMark = 'troupe_layer';
const layersMark = 'troupe_layers';

export function createImageStore(glance: Glance, worldId: string, newId: () => string): ImageStore {
  const perLayer = oneAtATime();

  /** Looked at each time: whom an image is shared with may have changed. */
  const usable = async (tenant: string, id: string): Promise<GlanceImage> => {
    const image = await glance.show(id);
    if (!image || !(await glance.isFor(image, tenant)))
      throw new TroupeError(
        'IMAGE_NOT_FOUND',
        `Image ${id} is in Glance no more, or the project may not use it`,
      );
    assertActive(image);
    return image;
  };

  /** Those of a project that are whole. */
  const layersOf = async (owner: string, layer: string): Promise<readonly GlanceImage[]> =>
    (await glance.listBy({ [layerMark]: layer, owner, os_hidden: 'true' })).filter(
      (each) => each.status === 'active' && each.owner === owner && each.fields[layerMark] === layer,
    );

  /** Of this world, whose layers nobody else removes. */
  const isThere = async (owner: string, layer: string): Promise<boolean> =>
    (await layersOf(owner, layer)).some(({ fields }) => fields[worldMark] === worldId);

  /** All layers that images of a project name, of whatever world these are and whatever has become of them. */
  const namedBy = async (owner: string): Promise<ReadonlySet<string>> => {
    const images = await Promise.all(
      ['false', 'true'].map((hidden) => glance.listBy({ owner, os_hidden: hidden })),
    );
    return new Set(images.flat().flatMap(({ fields }) => String(fields[layersMark] ?? '').split(',')));
  };

  /** Hidden ones are listed by themselves. */
  const unfinishedOf = async (marks: Readonly<Record<string, string>>): Promise<readonly GlanceImage[]> => {
    const all = await Promise.all(
      ['false', 'true'].map((hidden) => glance.listBy({ ...marks, [worldMark]: worldId, os_hidden: hidden })),
    );
    return all.flat().filter(({ status }) => status === 'queued' || status === 'saving');
  };

  return {
    async openLayer(tenant, id, layer, signal) {
      const { owner, fields } = await usable(tenant, id);
      const isNamed = String(fields[layersMark] ?? '')
        .split(',')
        .includes(layer);
      const [found] = isNamed ? await layersOf(owner ?? '', layer) : [];
      if (!found)
        throw new TroupeError('IMAGE_NOT_FOUND', `Layer ${layer} of image ${id} is in Glance no more`);
      return { bytes: await glance.download(found.id, signal), sizeBytes: found.sizeBytes };
    },
    async absentLayers(tenant, layers) {
      const found = await Promise.all(layers.map((layer) => isThere(tenant, layer)));
      return layers.filter((_, at) => !found[at]);
    },
    async keepLayer({ tenant, imageId }, layer, bytes, signal) {
      const hash = createHash('sha256');
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
        flush(done) {
          // Before its end is told: what is another layer is none.
          done(hash.digest('hex') === layer ? null : otherLayer(layer));
        },
      });
      /** Two commits of a project at once share what both of them have: the second waits, and finds it there. */
      const keep = async (): Promise<void> => {
        signal.throwIfAborted();
        pipeline(bytes, hashing, () => {});
        if (await isThere(tenant, layer)) return finished(hashing.resume(), { signal });
        const { id } = await glance.create({
          id: newId(),
          name: `layer ${layer}`,
          tags: [],
          owner: tenant,
          containerFormat: 'bare',
          isHidden: true,
          properties: { [worldMark]: worldId, [imageMark]: imageId, [layerMark]: layer },
        });
        await glance.upload(id, hashing, signal).catch(async (error: unknown) => {
          await glance.remove(id).catch(() => {});
          throw error;
        });
      };
      try {
        await perLayer(`${tenant}/${layer}`, keep);
      } finally {
        bytes.destroy();
      }
    },
    async open(tenant, id, digest, signal) {
      const image = await usable(tenant, id);
      const { algorithm, value } = digestOf(image);
      if (algorithm !== digest.algorithm || value !== digest.value)
        throw new TroupeError('IMAGE_CORRUPT', `Image ${id} has other bytes in Glance than it had`);
      return { bytes: await glance.download(id, signal), sizeBytes: image.sizeBytes };
    },
    async keep({ id, tenant, imageId, repository, tag }, layers, bytes, signal) {
      try {
        const image =
          (await glance.show(id)) ??
          (await glance.create({
            id,
            name: repository,
            tags: [tag],
            owner: tenant,
            containerFormat: 'docker',
            isHidden: false,
            properties: {
              [worldMark]: worldId,
              [imageMark]: imageId,
              ...(layers && { [layersMark]: layers.join(',') }),
            },
          }));
        if (image.owner !== tenant || image.fields[imageMark] !== imageId)
          throw new TroupeError('CLOUD_CONFLICT', `Image ${id} in Glance is of somebody else`);
        if (image.status === 'active') return digestOf(image);
        if (image.status === 'saving')
          throw new TroupeError(
            'CLOUD_BUSY',
            `Glance has yet to notice that an earlier upload of image ${id} broke off`,
          );
        return digestOf(await glance.upload(id, bytes, signal));
      } finally {
        bytes.destroy();
      }
    },
    isSaving: async (id) => (await glance.show(id))?.status === 'saving',
    async discard(id) {
      await glance.remove(id);
      for (const layer of await unfinishedOf({ [imageMark]: id })) await glance.remove(layer.id);
    },
    async unfinished() {
      return (await unfinishedOf({})).map(({ id, name, status, fields, createdAt }) => ({
        id,
        name: name ?? '',
        status,
        imageId: String(fields[imageMark]),
        createdAt: Date.parse(createdAt),
      }));
    },
    async leftLayers(tenant) {
      const ofProject = tenant === null ? {} : { owner: tenant };
      const all = await glance.listBy({ ...ofProject, [worldMark]: worldId, os_hidden: 'true' });
      const layers = all.filter(({ status, fields }) => status === 'active' && layerMark in fields);
      // Asked last: an image that was made meanwhile names its layers, too.
      const named = new Map<string, ReadonlySet<string>>();
      for (const owner of new Set(layers.map((layer) => layer.owner ?? '')))
        named.set(owner, await namedBy(owner));
      return layers.flatMap(({ id, name, owner, fields, createdAt }) =>
        named.get(owner ?? '')!.has(String(fields[layerMark]))
          ? []
          : [{ id, name: name ?? '', tenant: owner ?? '', createdAt: Date.parse(createdAt) }],
      );
    },
    remove: (id) => glance.remove(id),
  };
}

export function createImageCatalogue(glance: Glance): ImageCatalogue {
  return {
    async find(asked, bearer) {
      const image = await glance.find(asked, bearer);
      if (image.containerFormat !== 'docker')
        throw new TroupeError(
          'INVALID_VALUE',
          `Image "${asked}" in Glance is no image of a container: its container_format is "${image.containerFormat ?? ''}", not docker`,
        );
      assertActive(image);
      return { id: image.id, digest: digestOf(image) };
    },
    async search(text, isExact, bearer) {
      return (await glance.search(text, isExact, bearer)).map(({ fields }) => fields);
    },
  };
}

const otherLayer = (layer: string): TroupeError =>
  new TroupeError('IMAGE_CORRUPT', `Layer ${layer} came with other bytes than it should have`);

function assertActive({ id, status }: GlanceImage): void {
  if (status === 'active') return;
  throw new TroupeError(
    'INVALID_VALUE',
    `Image ${id} in Glance is "${status}", not active; wait for it, or choose another`,
  );
}

function digestOf({ id, digest }: GlanceImage): ImageDigest {
  const known: readonly string[] = digestAlgorithms;
  if (digest && known.includes(digest.algorithm)) return digest;
  throw new TroupeError(
    'INVALID_VALUE',
    `Glance tells no hash of image ${id} that can be checked (os_hash_algo); upload it anew`,
  );
}
