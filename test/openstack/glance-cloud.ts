/** The real Glance that `dev/openstack/up` started: images of a test's own in it, and at the engine, gone when the test ends. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { extract } from 'tar-stream';
import { request } from 'undici';
import { testImage } from '../support/docker.ts';
import { tarOf } from '../support/tar.ts';
import type { Cloud } from './cloud.ts';

export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly owner: string;
  readonly tags: readonly string[];
  readonly container_format: string;
  readonly os_hash_value: string;
  readonly [property: string]: unknown;
}

export interface GlanceCloud {
  /** Where it is, without a version. */
  readonly url: string;
  /** An image of that token's project, with those bytes; without any it stays queued. */
  upload(token: string, fields: Readonly<Record<string, unknown>>, bytes: Buffer | null): Promise<Listed>;
  list(token: string, query?: string): Promise<readonly Listed[]>;
  show(token: string, id: string): Promise<Listed | null>;
  remove(token: string, id: string): Promise<void>;
}

export async function createGlanceCloud(t: Test, cloud: Cloud): Promise<GlanceCloud> {
  const url = await cloud.originOf('image');
  const made: [token: string, id: string][] = [];

  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    token: string,
    body?: Buffer | object,
  ) => {
    const answer = await request(`${url}/v2${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json',
      },
      ...(body ? { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text };
  };
  t.teardown(async () => {
    for (const [token, id] of made) await call('DELETE', `/images/${id}`, token);
  });
  const show = async (token: string, id: string): Promise<Listed | null> => {
    const { status, text } = await call('GET', `/images/${id}`, token);
    return status === 200 ? (JSON.parse(text) as Listed) : null;
  };

  return {
    url,
    show,
    async upload(token, fields, bytes) {
      const asked = { container_format: 'docker', disk_format: 'raw', visibility: 'private', ...fields };
      const { status, text } = await call('POST', '/images', token, asked);
      if (status !== 201) throw new Error(`Glance made no image (${status}): ${text}`);
      const { id } = JSON.parse(text) as Listed;
      made.push([token, id]);
      if (bytes) {
        const sent = await call('PUT', `/images/${id}/file`, token, bytes);
        if (sent.status !== 204) throw new Error(`Glance took no bytes (${sent.status}): ${sent.text}`);
      }
      return (await show(token, id))!;
    },
    async list(token, query = '') {
      const { text } = await call('GET', `/images?${query}`, token);
      return (JSON.parse(text) as { images: Listed[] }).images;
    },
    async remove(token, id) {
      await call('DELETE', `/images/${id}`, token);
    },
  };
}

const run = promisify(execFile);

export const dockerCommand = async (...argv: readonly string[]): Promise<string> =>
  (await run('docker', argv, { maxBuffer: 1024 * 1024 })).stdout.trim();

/**
 * An image of busybox whose file `/mark` says `mark`, as `docker save` writes it; the engine has it no more.
 * @param mebibytes of noise in it
 */
export async function savedImage(folder: string, mark: string, mebibytes = 0): Promise<Buffer> {
  const name = `troupe-test-${randomBytes(4).toString('hex')}`;
  await dockerCommand('create', '--name', name, testImage, 'sleep', '600');
  try {
    const files = await tarOf(
      { name: 'mark', content: mark },
      { name: 'noise', content: randomBytes(mebibytes * 1024 * 1024) },
    );
    const copying = run('docker', ['cp', '-', `${name}:/`]);
    copying.child.stdin!.end(files);
    await copying;
    await dockerCommand('commit', name, `${name}:one`);
    await dockerCommand('save', '-o', `${folder}/${name}.tar`, `${name}:one`);
    return readFileSync(`${folder}/${name}.tar`);
  } finally {
    await dockerCommand('rm', '-f', name);
    await dockerCommand('rmi', '-f', `${name}:one`).catch(() => {});
  }
}

/** The same as an OCI layout, whose layers are of gzip, as most tools write them. */
export async function asLayout(saved: Buffer): Promise<Buffer> {
  const files = await contentsOf(saved);
  const [manifest] = JSON.parse(files.get('manifest.json')!.toString()) as {
    Config: string;
    Layers: string[];
  }[];
  const blobs = new Map<string, Buffer>();
  const put = (content: Buffer) => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    blobs.set(digest, content);
    return { digest, size: content.length };
  };
  const config = put(files.get(manifest!.Config)!);
  const layers = manifest!.Layers.map((layer) => put(gzipSync(files.get(layer)!)));
  const described = put(Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers })));
  return tarOf(
    { name: 'oci-layout', content: '{"imageLayoutVersion": "1.0.0"}' },
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [described] }) },
    ...[...blobs].map(([digest, content]) => ({ name: `blobs/${digest.replace(':', '/')}`, content })),
  );
}

async function contentsOf(tar: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const entries = extract();
  entries.end(tar);
  for await (const entry of entries)
    found.set(entry.header.name, await buffer(Readable.from(entry as unknown as AsyncIterable<Buffer>)));
  return found;
}
