/**
 * Files out of a container and into it. @see zun-api 2.7
 *
 * Zun's clients have them in JSON, in Base64 since 1.25 and as text before: that is
 * held in memory, and bounded by `archive.jsonMib`. Beside it, and beyond Zun,
 * `Accept: application/x-tar` answers the tar itself, with the path's stat as JSON in
 * Base64 in `x-troupe-path-stat`, and `Content-Type: application/x-tar` takes one:
 * these are streamed, and held nowhere.
 */
import { finished, PassThrough, Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { isDirectory, isSymbolicLink, type ArchiveLimits, type PathStat } from '../../model/archive.ts';
import type { Environment } from '../../model/environment.ts';
import { checkedTar } from '../archive/checked-tar.ts';
import { createCopyDesk } from '../archive/copy-desk.ts';
import { createContainerAccess, parametersOf, queryOf, type ById, type Fields } from './container-access.ts';
import { invalidField, invalidQuery, onlyKnown } from './values.ts';

export interface CopyLimits extends ArchiveLimits {
  /** Of the tar in one JSON body or answer. */
  readonly jsonBytesMost: number;
}

/** From here on a tar is told in Base64; before it as text. */
const base64Since = 25;
const tarType = 'application/x-tar';
/** As much as any system takes for one. @see limits.h, PATH_MAX */
const pathMost = 4_096;
/** Of a JSON body, beside its files. */
const envelopeBytes = 64 * 1024;

export function containerArchives(controlPlane: ControlPlane, environment: Environment, limits: CopyLimits) {
  return async (app: FastifyInstance): Promise<void> => {
    const access = createContainerAccess(controlPlane, environment);
    const desk = createCopyDesk();
    const held = new WeakMap<FastifyRequest, () => void>();
    /** What is held in memory waits for room in it, before a byte of it is read. */
    const hold = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      if (isStreamed(request)) return;
      const end = desk.begin(request.identity.projectId);
      held.set(request, end);
      // A client that goes away while it sends is answered by nobody.
      reply.raw.once('close', end);
    };
    const letGo = async (request: FastifyRequest): Promise<void> => held.get(request)?.();
    app.addContentTypeParser(tarType, (_request, payload, done) => done(null, payload));

    const archiveOf = async (request: FastifyRequest<ById>, reply: FastifyReply, path: string) => {
      const view = access.find(request, request.params.id, 'container:get_archive');
      access.require(request, view, 'get_archive', 'container.archive');
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      const { stat, tar } = await controlPlane.getArchive(view.address, path, left.signal);
      reply.raw.once('close', () => tar.destroy());
      if (reply.raw.destroyed) tar.destroy();
      return { stat, tar };
    };

    app.get<ById>(
      '/v1/containers/:id/get_archive',
      { onRequest: hold, onResponse: letGo },
      async (request, reply) => {
        onlyKnown(queryOf(request), ['path']);
        const path = pathOf(queryOf(request));
        const { stat, tar } = await archiveOf(request, reply, path);
        if (isStreamed(request)) {
          void reply.header('x-troupe-path-stat', base64(statView(stat))).type(tarType);
          if (request.method !== 'HEAD') return reply.send(tar);
        }
        if (request.method === 'HEAD') {
          tar.destroy();
          return reply.send();
        }
        const bytes = await bytesOf(tar, stat, path, limits.jsonBytesMost);
        const data = request.minor >= base64Since ? bytes.toString('base64') : textOf(bytes);
        return { data, stat: statView(stat) };
      },
    );

    app.post<ById>(
      '/v1/containers/:id/put_archive',
      {
        onRequest: hold,
        onResponse: letGo,
        bodyLimit: Math.ceil(limits.jsonBytesMost / 3) * 4 + envelopeBytes,
      },
      async (request, reply) => {
        const streamed = request.body instanceof Readable ? request.body : null;
        const asked = streamed ? queryOf(request) : parametersOf(request);
        onlyKnown(asked, ['path', 'data']);
        const path = pathOf(asked);
        const data = streamed ? null : dataOf(asked, request.minor);
        const view = access.find(request, request.params.id, 'container:put_archive');
        access.require(request, view, 'put_archive', 'container.archive');
        const sent = streamed ? bodyOf(streamed) : Readable.from([data], { objectMode: false });
        const left = new AbortController();
        reply.raw.once('close', () => left.abort());
        await controlPlane.putArchive(view.address, path, checkedTar(sent, limits), left.signal);
        return reply.type('application/json').send('null');
      },
    );
  };
}

/**
 * A body as a stream that may be given up: what is still sent of it is read and dropped, since destroying the body itself
 * would end the connection before its sender has read why.
 */
function bodyOf(body: Readable): Readable {
  const sent = new PassThrough();
  finished(body, (error) => void (error && sent.destroy(error)));
  sent.once('close', () => {
    body.unpipe(sent);
    body.resume();
  });
  return body.pipe(sent);
}

/** The tar itself, and no JSON: what is asked for, or sent. */
function isStreamed({ method, headers }: FastifyRequest): boolean {
  if (method === 'POST') return (headers['content-type'] ?? '').split(';')[0]?.trim() === tarType;
  return (headers.accept ?? '').split(',').some((each) => each.split(';')[0]?.trim() === tarType);
}

/** @throws TroupeError INVALID_INPUT */
function pathOf({ path }: Fields): string {
  const rule = 'It must be a path in the container, such as /etc/hosts';
  if (typeof path !== 'string' || path === '' || path.length > pathMost || path.includes('\0'))
    throw invalidQuery('path', path, rule);
  return path;
}

/** @throws TroupeError INVALID_INPUT, INVALID_BASE64 */
function dataOf({ data }: Fields, minor: number): Buffer {
  if (typeof data !== 'string' || data === '')
    throw invalidField('data', data, `It must be a tar ${minor >= base64Since ? 'in Base64' : 'as text'}`);
  if (minor < base64Since) return Buffer.from(data, 'utf8');
  // Python's encoder breaks lines.
  const text = data.replaceAll(/\s+/g, '');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new TroupeError('INVALID_BASE64', 'Invalid Base 64 file data');
  return Buffer.from(text, 'base64');
}

/** @throws TroupeError TOO_LARGE, HOST_UNREACHABLE */
async function bytesOf(tar: Readable, stat: PathStat, path: string, most: number): Promise<Buffer> {
  const tooLarge = (): TroupeError =>
    new TroupeError(
      'TOO_LARGE',
      `The files at "${path}" are more than ${Math.floor(most / 1024 / 1024)} MiB, which is the most in one JSON answer; ask for a part of them, or for ${tarType}`,
      { details: { bytes_most: most } },
    );
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    if (!isDirectory(stat) && !isSymbolicLink(stat) && stat.sizeBytes > most) throw tooLarge();
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    tar.destroy();
    if (error instanceof TroupeError) throw error;
    throw new TroupeError('HOST_UNREACHABLE', 'The host went away while it told the files; try again', {
      cause: error,
    });
  }
  return Buffer.concat(chunks, bytes);
}

/** @throws TroupeError INVALID_VALUE for bytes that no JSON string holds */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return text;
  throw new TroupeError(
    'INVALID_VALUE',
    `The files hold bytes that are no text, which microversions below 1.${base64Since} can't tell; ask with 1.${base64Since} or later`,
  );
}

const statView = ({ name, sizeBytes, mode, modifiedAt, linkTarget }: PathStat): Fields => ({
  name,
  size: sizeBytes,
  mode,
  mtime: modifiedAt,
  linkTarget,
});

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');
