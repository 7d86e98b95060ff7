/** What images of a project have in common is in Glance once, also when they are committed at once. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import type { StoredImageWish } from '../../src/actors/image-store.ts';
import { createImageStore } from '../../src/main/glance.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Glance, GlanceImage, NewImage } from '../../src/openstack/glance.ts';

const content = Buffer.from('a layer');
const layer = createHash('sha256').update(content).digest('hex');
const { signal } = new AbortController();
const wish = (imageId: string): StoredImageWish => ({
  id: randomUUID(),
  tenant: 'p1',
  imageId,
  repository: 'web',
  tag: '1',
});

/** A Glance that takes bytes once it is let to. */
function scene() {
  const images = new Map<string, GlanceImage>();
  const uploads: { readonly bytes: Buffer; end(error?: Error): void }[] = [];
  const glance = {
    listBy: async () => [...images.values()],
    async create({ id, owner, properties }: NewImage) {
      const image = { id, owner, status: 'queued', fields: properties } as unknown as GlanceImage;
      images.set(id, image);
      return image;
    },
    async upload(id: string, stream: Readable) {
      const bytes = await buffer(stream);
      await new Promise<void>((resolve, reject) => {
        uploads.push({ bytes, end: (error) => (error ? reject(error) : resolve()) });
      });
      images.set(id, { ...images.get(id)!, status: 'active' });
    },
    remove: async (id: string) => void images.delete(id),
  } as unknown as Glance;
  const store = createImageStore(glance, 'world-1', randomUUID);
  const keep = (imageId: string, bytes = content): Promise<void> =>
    store.keepLayer(wish(imageId), layer, Readable.from([bytes]), signal);
  const settle = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 20));
  const begun = async (count: number): Promise<void> => {
    while (uploads.length < count) await settle();
  };
  return { images, uploads, keep, begun };
}

t.test('the second of two commits waits for the layer of the first, and uses it', async (t) => {
  const { images, uploads, keep, begun } = scene();
  const both = Promise.all([keep('i1'), keep('i2')]);
  await begun(1);
  uploads[0]!.end();
  await both;
  t.equal(uploads.length, 1);
  t.same(uploads[0]!.bytes, content);
  t.equal(images.size, 1);
  await t.rejects(
    keep('i3', Buffer.from('another')),
    { code: 'IMAGE_CORRUPT' },
    'its own is looked at all the same',
  );
});

t.test('where the first fails, the second brings it', async (t) => {
  const { images, uploads, keep, begun } = scene();
  const [first, second] = [keep('i1'), keep('i2')];
  const failed = t.rejects(first, { code: 'CLOUD_UNAVAILABLE' });
  await begun(1);
  uploads[0]!.end(new TroupeError('CLOUD_UNAVAILABLE', 'Glance went away'));
  await failed;
  await begun(2);
  uploads[1]!.end();
  await second;
  t.same(
    [...images.values()].map(({ status }) => status),
    ['active'],
  );
});
