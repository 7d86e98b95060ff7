import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { corrupt, imageTar } from '../../src/agent/image-tar.ts';
import { layersIn, sendLayers } from '../../src/agent/layers.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import { entriesOf, tarOf, type TarEntry } from '../support/tar.ts';

const reference = 'troupe-glance/sha256:1';

/** What an engine would get. */
const made = async (tar: Buffer, check: () => void = () => {}) => {
  const bytes: Buffer[] = [];
  const stream = imageTar(Readable.from([tar.subarray(0, 700), tar.subarray(700)]), {
    image: 'web',
    reference,
    architecture: 'amd64',
    passed: (chunk) => bytes.push(chunk),
    check,
    layers: 'kept apart',
  });
  const entries = await entriesOf(await buffer(stream));
  return { entries, passed: Buffer.concat(bytes) };
};
const manifestIn = (entries: Readonly<Record<string, string | null>>): unknown =>
  JSON.parse(entries['manifest.json'] ?? 'null');

const saved: readonly TarEntry[] = [
  { name: 'abc/', type: 'directory' },
  { name: 'abc/layer.tar', content: 'a layer' },
  { name: 'config.json', content: '{"os": "linux"}' },
  {
    name: 'manifest.json',
    content: JSON.stringify([
      { Config: 'config.json', RepoTags: ['nginx:latest'], Layers: ['abc/layer.tar'] },
    ]),
  },
  { name: 'repositories', content: '{"nginx": {"latest": "abc"}}' },
  { name: 'def/layer.tar', type: 'symlink', linkname: '../abc/layer.tar' },
];

t.test('what docker save writes keeps its layers, and has one name: ours', async (t) => {
  const tar = await tarOf(...saved);
  const { entries, passed } = await made(tar);
  t.same(manifestIn(entries), [{ Config: 'config.json', RepoTags: [reference], Layers: ['abc/layer.tar'] }]);
  t.same(Object.keys(entries), ['abc/', 'abc/layer.tar', 'config.json', 'def/layer.tar', 'manifest.json']);
  t.equal(entries['abc/layer.tar'], 'a layer');
  t.same(passed, tar, 'all bytes were seen, those after the last entry, too');
});

t.test('gzip is taken off it, and its layers are handed on as they came', async (t) => {
  const packed = gzipSync('a layer');
  const tar = gzipSync(
    await tarOf(
      ...saved.map((each) => (each.name === 'abc/layer.tar' ? { ...each, content: packed } : each)),
    ),
  );
  const { entries, passed } = await made(tar);
  t.same(manifestIn(entries), [{ Config: 'config.json', RepoTags: [reference], Layers: ['abc/layer.tar'] }]);
  t.equal(entries['abc/layer.tar'], packed.toString());
  t.same(passed, tar, 'the bytes that are compared are those that came');
  await t.rejects(made(tar.subarray(0, tar.length - 20)), { code: 'IMAGE_CORRUPT' });
});

t.test('what unpacks to far more than it was is refused before an engine could go by it', async (t) => {
  const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));
  const layered = saved.map((each) => (each.name === 'abc/layer.tar' ? { ...each, content: bomb } : each));
  await t.rejects(made(await tarOf(...layered)), {
    code: 'IMAGE_CORRUPT',
    message: /"abc\/layer\.tar" unpacks to more than 200 times its size/,
  });
  await t.rejects(made(await tarOf({ name: `blobs/sha256/${'0'.repeat(64)}`, content: bomb }, ...saved)), {
    code: 'IMAGE_CORRUPT',
  });
  const huge = saved.map((each) =>
    each.name === 'abc/layer.tar' ? { ...each, content: Buffer.alloc(16 * 1024 * 1024) } : each,
  );
  await t.rejects(made(gzipSync(await tarOf(...huge))), {
    code: 'IMAGE_CORRUPT',
    message: /it unpacks to more than 200 times its size/,
  });
});

const blobOf = (content: string): TarEntry & { readonly digest: string } => {
  const hex = createHash('sha256').update(content).digest('hex');
  return { name: `blobs/sha256/${hex}`, content, digest: `sha256:${hex}` };
};
const entry = ({ name, content }: TarEntry): TarEntry => ({ name, content: content! });

t.test(
  'an OCI layout gets the manifest that an engine goes by; of several the one for its processor',
  async (t) => {
    const [config, layer, elsewhere] = [
      blobOf('{"os": "linux"}'),
      blobOf('a layer'),
      blobOf('{"config": {}}'),
    ];
    const manifest = blobOf(
      JSON.stringify({ config: { digest: config.digest }, layers: [{ digest: layer.digest }] }),
    );
    const platform = (architecture: string) => ({ os: 'linux', architecture });
    const index = blobOf(
      JSON.stringify({
        manifests: [
          { digest: elsewhere.digest, platform: platform('arm64') },
          { digest: manifest.digest, platform: platform('amd64') },
        ],
      }),
    );
    const layout = [
      { name: 'oci-layout', content: '{"imageLayoutVersion": "1.0.0"}' },
      { name: 'index.json', content: JSON.stringify({ manifests: [{ digest: index.digest }] }) },
      ...[index, manifest, layer, config].map(entry),
    ];
    const { entries } = await made(await tarOf(...layout));
    t.same(manifestIn(entries), [{ Config: config.name, RepoTags: [reference], Layers: [layer.name] }]);
    t.equal(entries['oci-layout'], undefined, 'no engine goes by names that are in it');
    t.equal(entries[layer.name], 'a layer');
    const other = {
      name: 'index.json',
      content: JSON.stringify({ manifests: [{ digest: elsewhere.digest, platform: platform('arm64') }] }),
    };
    await t.rejects(made(await tarOf(other, entry(elsewhere))), {
      code: 'IMAGE_CORRUPT',
      message: /not made for this host's processor/,
    });
  },
);

t.test('what an engine goes by is not written before all was found good', async (t) => {
  const names: string[] = [];
  const stream = imageTar(Readable.from([await tarOf(...saved)]), {
    image: 'web',
    reference,
    architecture: 'amd64',
    passed: () => {},
    check() {
      throw corrupt('web', 'its hash is another');
    },
    layers: 'kept apart',
  });
  await t.rejects(
    (async () => {
      for await (const chunk of stream) names.push(String(chunk));
    })(),
    { code: 'IMAGE_CORRUPT', message: /its hash is another/ },
  );
  t.notMatch(names.join(''), /manifest\.json/);
  t.match(names.join(''), /abc\/layer\.tar/);
});

t.test('what is no image is refused in words', async (t) => {
  const manifest = (value: unknown): TarEntry => ({ name: 'manifest.json', content: JSON.stringify(value) });
  for (const [tar, words] of [
    [Buffer.from('no tar, but longer than a header '.repeat(40)), /it is no tar/],
    [
      await tarOf({ name: 'readme', content: 'hello' }),
      /neither what "docker save" writes, nor an OCI layout/,
    ],
    [await tarOf(manifest('nonsense')), /"manifest.json" is missing, or is no description/],
    [await tarOf(manifest([])), /holds no images/],
    [
      await tarOf(
        manifest([
          { Config: 'a', Layers: [] },
          { Config: 'b', Layers: [] },
        ]),
      ),
      /holds 2 images/,
    ],
    [await tarOf({ name: '../etc/passwd', content: 'x' }), /must lead down/],
    [await tarOf({ name: 'sda', type: 'block-device' }), /is a device/],
    [
      await tarOf({ name: 'manifest.json', content: ' '.repeat(5 * 1024 * 1024) }),
      /larger than any description/,
    ],
  ] as const)
    await t.rejects(made(tar), { code: 'IMAGE_CORRUPT', message: words });
});

t.test('how the bytes fail is how the image fails', async (t) => {
  async function* broken() {
    yield (await tarOf(...saved)).subarray(0, 600);
    throw new TroupeError('HOST_UNREACHABLE', 'The stream was cut off');
  }
  const stream = imageTar(Readable.from(broken()), {
    image: 'web',
    reference,
    architecture: 'amd64',
    passed: () => {},
    check: () => {},
    layers: 'kept apart',
  });
  await t.rejects(buffer(stream), { code: 'HOST_UNREACHABLE' });
});

t.test('layers that are apart are put in again, but for those that the engine has', async (t) => {
  const bytes: Readonly<Record<string, string>> = {
    low: 'the lowest',
    middle: 'in between',
    top: 'what was changed',
  };
  const saved = await tarOf(
    { name: 'low/layer.tar', content: bytes['low']! },
    { name: 'middle/layer.tar', content: bytes['middle']! },
    { name: 'same/layer.tar', type: 'symlink', linkname: '../middle/layer.tar' },
    { name: 'top/layer.tar', content: bytes['top']! },
    { name: 'config.json', content: '{"os": "linux"}' },
    {
      name: 'manifest.json',
      content: JSON.stringify([
        {
          Config: 'config.json',
          RepoTags: ['mine:1'],
          Layers: ['low', 'middle', 'same', 'top'].map((each) => `${each}/layer.tar`),
        },
      ]),
    },
  );
  const { layers, rest } = await layersIn(Readable.from([saved]), 'mine');
  const hashOf = (content: string): string => createHash('sha256').update(content).digest('hex');
  t.same(
    layers.map(({ sha256 }) => sha256),
    ['low', 'middle', 'middle', 'top'].map((each) => hashOf(bytes[each]!)),
  );
  const sent: string[] = [];
  await sendLayers(
    Readable.from([saved]),
    { layers, rest },
    new Set([layers[1]!.sha256, layers[3]!.sha256]),
    async (_, content) => void sent.push(await text(content)),
  );
  t.same(sent, ['in between', 'what was changed'], 'each once, and no other');

  const put = async (has: (chain: readonly string[]) => boolean, spoil = false) => {
    const asked: string[] = [];
    const stream = imageTar(Readable.from([rest]), {
      image: 'mine',
      reference,
      architecture: 'amd64',
      passed: () => {},
      check: () => {},
      layers: {
        has,
        async *open(layer) {
          asked.push(layer);
          const content = Object.values(bytes).find((each) => hashOf(each) === layer)!;
          yield Buffer.from(spoil ? content.replace(/^./, '#') : content);
        },
      },
    });
    return { entries: await entriesOf(await buffer(stream)), asked };
  };
  const { entries, asked } = await put((chain) => chain.length < 4);
  t.same(asked, [layers[3]!.sha256]);
  t.equal(entries['top/layer.tar'], bytes['top']);
  t.equal(entries['low/layer.tar'], undefined);
  t.match(entries['manifest.json'], /"RepoTags":\["troupe-glance/);
  const whole = await put(() => false);
  t.equal(whole.entries['same/layer.tar'], bytes['middle']);
  await t.rejects(
    put(() => false, true),
    { code: 'IMAGE_CORRUPT', message: /its layer [0-9a-f]+ came with other bytes/ },
  );
});
