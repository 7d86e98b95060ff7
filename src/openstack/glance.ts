/**
 * What Troupe asks of Glance: images of a project, and their bytes.
 *
 * G1. Bytes are never believed: what was sent is compared by its hash with what Glance says it has.
 * G2. What is asked in a caller's name sees what Glance shows the caller; what Troupe asks for itself
 *     is looked at here, by the same rules (owner, visibility, membership).
 *
 * @see Image API v2
 */
import { createHash } from 'node:crypto';
import { pipeline, Transform, type Readable } from 'node:stream';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import { digestAlgorithms, type ImageDigest } from '../model/image.ts';
import type { Bearer } from '../model/bearer.ts';
import type { CloudSession } from './session.ts';
import type { CloudAnswer } from './transport.ts';

const text = Type.Union([Type.String(), Type.Null()]);
const imageShape = Type.Object({
  id: Type.String(),
  name: Type.Optional(text),
  status: Type.String(),
  owner: Type.Optional(text),
  visibility: Type.Optional(Type.String()),
  container_format: Type.Optional(text),
  disk_format: Type.Optional(text),
  size: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  os_hash_algo: Type.Optional(text),
  os_hash_value: Type.Optional(text),
  tags: Type.Optional(Type.Array(Type.String())),
  created_at: Type.Optional(Type.String()),
});
const oneShape = Compile(imageShape);
const listShape = Compile(
  Type.Object({ images: Type.Array(imageShape), next: Type.Optional(Type.String()) }),
);
const memberShape = Compile(Type.Object({ status: Type.String() }));

export interface GlanceImage {
  readonly id: string;
  readonly name: string | null;
  /** `queued`, `saving`, `active`, `killed`, `deleted`, `deactivated` … */
  readonly status: string;
  readonly owner: string | null;
  readonly visibility: string;
  readonly containerFormat: string | null;
  /** Null until it has bytes. */
  readonly sizeBytes: number | null;
  /** Null until it has bytes, and of an image of before Glance told one. */
  readonly digest: ImageDigest | null;
  readonly tags: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  /** All that Glance says of it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface NewImage {
  /** A UUID. Glance gives no id twice, not even that of an image that is deleted. */
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  /** The project that owns it. */
  readonly owner: string;
  /** Words of the client's own. */
  readonly properties: Readonly<Record<string, string>>;
  /** `docker` for an image of a container. */
  readonly containerFormat: string;
  /** Left out of lists that do not ask for such. */
  readonly isHidden: boolean;
}

export interface Glance {
  /**
   * By UUID, else by name, else by `name:tag`; of several the project's own newest.
   * @throws TroupeError IMAGE_NOT_FOUND also for what the caller may not see, NAME_AMBIGUOUS
   */
  find(idOrName: string, bearer: Bearer): Promise<GlanceImage>;
  /** Those that the caller may see with this text in their names, or with exactly this name. */
  search(text: string, isExact: boolean, bearer: Bearer): Promise<readonly GlanceImage[]>;
  /** Null when there is no such image. */
  show(id: string): Promise<GlanceImage | null>;
  /** Whether a project may use an image: G2. */
  isFor(image: GlanceImage, projectId: string): Promise<boolean>;
  /** Its bytes, as they come; whoever reads them looks at their hash. @throws TroupeError IMAGE_NOT_FOUND when it has none */
  download(id: string, signal: AbortSignal): Promise<Readable>;
  /** Makes it, without bytes. @throws TroupeError CLOUD_CONFLICT when there is or was one of that id, QUOTA_EXCEEDED */
  create(image: NewImage): Promise<GlanceImage>;
  /**
   * Gives an image its bytes. One whose bytes did not arrive as they were sent is an error, and stays as Glance left it.
   * @param bytes destroyed in the end
   * @throws TroupeError QUOTA_EXCEEDED, CLOUD_CONFLICT when it has bytes or is getting some, IMAGE_CORRUPT, how `bytes` failed
   */
  upload(id: string, bytes: Readable, signal: AbortSignal): Promise<GlanceImage>;
  /** Succeeds when it is not there. @throws TroupeError CLOUD_CONFLICT when it is protected or in use */
  remove(id: string): Promise<void>;
  /** All with these properties, whosever they are. @throws TroupeError CLOUD_REFUSED where they are too many to be listed */
  listBy(properties: Readonly<Record<string, string>>): Promise<readonly GlanceImage[]>;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const service = 'Glance';
const type = 'image';
/** Of a list; Glance gives at most so many at once, unless its configuration says otherwise. */
const pageMost = 1_000;
/** Pages of one list; more is no list that somebody reads. */
const pagesMost = 20;

/** All throw TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED when Troupe's own user may not; FORBIDDEN when the caller may not. */
export function createGlance(session: CloudSession): Glance {
  const ask = (
    operation: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { bearer = null, body }: { readonly bearer?: Bearer | null; readonly body?: object } = {},
  ): Promise<CloudAnswer> =>
    session.send({
      service,
      operation,
      type,
      method,
      path: `/v2${path}`,
      ...(body === undefined ? {} : { body }),
      bearer: bearer?.token ?? null,
      requestId: bearer?.requestId ?? null,
      repeatable: method !== 'POST',
    });

  const list = async (
    query: readonly (readonly [string, string])[],
    bearer: Bearer | null,
  ): Promise<readonly GlanceImage[]> => {
    return (await listSome(query, bearer)).found;
  };

  const listSome = async (
    query: readonly (readonly [string, string])[],
    bearer: Bearer | null,
  ): Promise<{ readonly found: readonly GlanceImage[]; readonly isWhole: boolean }> => {
    const found: GlanceImage[] = [];
    const first = new URLSearchParams([...query, ['limit', `${pageMost}`]] as [string, string][]);
    let path: string | null = `/images?${first}`;
    for (let pages = 0; path !== null && pages < pagesMost; pages += 1) {
      const answer = await ask('list', 'GET', path, { bearer });
      if (answer.status !== 200) throw refusal(answer, 'list images', bearer !== null);
      if (!listShape.Check(answer.body)) throw nonsense('list of images');
      found.push(...answer.body.images.map(imageOf));
      const { next } = answer.body;
      path = next === undefined ? null : next.replace(/^\/v2/, '');
    }
    return { found, isWhole: path === null };
  };

  const showAs = async (id: string, bearer: Bearer | null): Promise<GlanceImage | null> => {
    const answer = await ask('show', 'GET', `/images/${encodeURIComponent(id)}`, { bearer });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw refusal(answer, `show image "${id}"`, bearer !== null);
    return image(answer);
  };

  /** Several with one name are one project's snapshots, as a rule: its newest is meant. */
  const choose = (images: readonly GlanceImage[], asked: string, bearer: Bearer): GlanceImage | null => {
    const byAge = images.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    const own = byAge.find(({ owner }) => owner === bearer.projectId);
    if (own) return own;
    if (byAge.length > 1)
      throw new TroupeError('NAME_AMBIGUOUS', `Several images in Glance are called "${asked}"; use the id`);
    return byAge[0] ?? null;
  };

  const named = async (name: string, tag: string | null, bearer: Bearer): Promise<readonly GlanceImage[]> => {
    const all = await list(
      [['name', quoted(name)], ...(tag === null ? [] : [['tag', tag] as const])],
      bearer,
    );
    return all.filter((each) => each.name === name && (tag === null || each.tags.includes(tag)));
  };

  return {
    async find(asked, bearer) {
      const byId = uuidPattern.test(asked) ? await showAs(asked.toLowerCase(), bearer) : null;
      if (byId) return byId;
      const byName = choose(await named(asked, null, bearer), asked, bearer);
      if (byName) return byName;
      const colon = asked.lastIndexOf(':');
      const byTag =
        colon < 1
          ? null
          : choose(await named(asked.slice(0, colon), asked.slice(colon + 1), bearer), asked, bearer);
      if (byTag) return byTag;
      throw noImage(asked);
    },
    async search(asked, isExact, bearer) {
      if (isExact) return named(asked, null, bearer);
      const all = await list([], bearer);
      return all.filter(({ name }) => name?.includes(asked) ?? false);
    },
    show: (id) => showAs(id, null),
    async isFor({ id, owner, visibility }, projectId) {
      if (owner === projectId || visibility === 'public' || visibility === 'community') return true;
      if (visibility !== 'shared') return false;
      const answer = await ask('member', 'GET', `/images/${id}/members/${encodeURIComponent(projectId)}`);
      if (answer.status === 404) return false;
      if (answer.status !== 200) throw refusal(answer, `tell who image "${id}" is shared with`, false);
      if (!memberShape.Check(answer.body)) throw nonsense('member of an image');
      return answer.body.status !== 'rejected';
    },
    async download(id, signal) {
      const answer = await session.stream({
        service,
        operation: 'download',
        type,
        method: 'GET',
        path: `/v2/images/${encodeURIComponent(id)}/file`,
        bytes: null,
        signal,
      });
      // 204: an image without bytes.
      if (answer.status === 404 || answer.status === 204) {
        answer.bytes?.destroy();
        throw noImage(id);
      }
      if (answer.status !== 200 || !answer.bytes) throw refusal(answer, `give image "${id}"`, false);
      return answer.bytes;
    },
    async create({ id, name, tags, owner, properties, containerFormat, isHidden }) {
      const body = {
        ...properties,
        id,
        name,
        owner,
        tags,
        visibility: 'private',
        container_format: containerFormat,
        os_hidden: isHidden,
        // What of a disk it is: Glance asks for one, and this is what Zun says.
        disk_format: 'qcow2',
      };
      const answer = await ask('create', 'POST', '/images', { body });
      if (answer.status !== 201) throw refusal(answer, `make image "${name}"`, false);
      return image(answer);
    },
    async upload(id, bytes, signal) {
      const hashes = digestAlgorithms.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          for (const { hash } of hashes) hash.update(chunk);
          done(null, chunk);
        },
      });
      pipeline(bytes, hashing, () => {});
      const answer = await session.stream({
        service,
        operation: 'upload',
        type,
        method: 'PUT',
        path: `/v2/images/${encodeURIComponent(id)}/file`,
        headers: { 'content-type': 'application/octet-stream' },
        bytes: hashing,
        signal,
      });
      if (answer.status !== 204) throw refusal(answer, `take image "${id}"`, false);
      const made = await showAs(id, null);
      if (!made) throw noImage(id);
      const sent = hashes.find(({ algorithm }) => algorithm === made.digest?.algorithm);
      if (!sent)
        throw new TroupeError(
          'IMAGE_CORRUPT',
          `Glance tells no hash of image "${id}" that Troupe can check; it must be one of ${digestAlgorithms.join(', ')}`,
        );
      const value = sent.hash.digest('hex');
      if (value !== made.digest?.value)
        throw new TroupeError(
          'IMAGE_CORRUPT',
          `Glance has other bytes of image "${id}" than were sent: its ${sent.algorithm} is ${made.digest?.value}, and it was ${value}`,
        );
      return made;
    },
    async remove(id) {
      const answer = await ask('delete', 'DELETE', `/images/${encodeURIComponent(id)}`);
      if (answer.status !== 204 && answer.status !== 404)
        throw refusal(answer, `delete image "${id}"`, false);
    },
    async listBy(properties) {
      const { found, isWhole } = await listSome(Object.entries(properties), null);
      if (isWhole) return found;
      throw new TroupeError('CLOUD_REFUSED', `Glance has more than ${found.length} images of one kind`);
    },
  };
}

function image({ body }: CloudAnswer): GlanceImage {
  if (!oneShape.Check(body)) throw nonsense('image');
  return imageOf(body);
}

function imageOf(fields: Static<typeof imageShape>): GlanceImage {
  const { id, name, status, owner, visibility, container_format, size, tags, created_at } = fields;
  const { os_hash_algo: algorithm, os_hash_value: value } = fields;
  return {
    id,
    name: name ?? null,
    status,
    owner: owner ?? null,
    visibility: visibility ?? 'private',
    containerFormat: container_format ?? null,
    sizeBytes: size ?? null,
    digest: algorithm && value ? { algorithm, value: value.toLowerCase() } : null,
    tags: tags ?? [],
    createdAt: created_at ?? '',
    fields,
  };
}

/** A name that begins as an operator would be read as one. @see Image API v2, "List images", in: */
const quoted = (name: string): string => `in:"${name.replaceAll('"', '')}"`;

/** The same words for what is not there and for what is somebody else's. */
const noImage = (asked: string): TroupeError =>
  new TroupeError('IMAGE_NOT_FOUND', `Image ${asked} could not be found in Glance.`, {
    details: { image: asked },
  });

const nonsense = (what: string): TroupeError =>
  new TroupeError('CLOUD_UNAVAILABLE', `Glance answers with something that is no ${what}; is it Glance?`);

/** @param isCaller it was asked in the name of somebody else */
function refusal(answer: CloudAnswer, what: string, isCaller: boolean): TroupeError {
  const said = `Glance does not ${what} (${answer.status})${glanceWords(answer)}`;
  switch (answer.status) {
    case 403:
      return isCaller
        ? new TroupeError('FORBIDDEN', said)
        : new TroupeError(
            // The project's limits are told so, too.
            /quota|limit/i.test(glanceWords(answer)) ? 'QUOTA_EXCEEDED' : 'CLOUD_REFUSED',
            `${said}; Troupe’s own user needs the role "admin" there`,
          );
    case 409:
      return new TroupeError('CLOUD_CONFLICT', said);
    case 413:
      return new TroupeError('QUOTA_EXCEEDED', `${said}: it is larger than Glance takes of this project`);
    default:
      return new TroupeError('CLOUD_REFUSED', said);
  }
}

/** Glance explains errors on a page of HTML, or as others do. */
function glanceWords({ body }: CloudAnswer): string {
  const { message, error } = (body ?? {}) as { message?: unknown; error?: { message?: unknown } };
  const words = message ?? error?.message;
  return typeof words === 'string' && words !== '' ? `: ${words.replaceAll(/<[^>]*>/g, ' ').trim()}` : '';
}
