/**
 * What Troupe asks of Cinder: volumes of a project, and their attachments to
 * containers, by the attachments API: an attachment is one thing with one id,
 * from its reservation to its end.
 *
 * C1. A volume is made in the name of who wants it: Cinder gives none to another project than the token's.
 * C2. An attachment carries the container's uuid, as Nova's carry a server's, so that it is nobody else's to end:
 *     Cinder then ends it only for a service (CVE-2023-2088).
 *
 * @see Block Storage API v3, microversion 3.54: attachments that are completed, and have a mode
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError, type ErrorCode } from '../errors/errors.ts';
import type { Bearer } from '../model/bearer.ts';
import type { Cinder, CinderAttachment, CinderVolume } from '../model/cinder.ts';
import type { CloudSession } from './session.ts';
import type { CloudAnswer } from './transport.ts';

const text = Type.Union([Type.String(), Type.Null()]);
const volumeShape = Type.Object({
  id: Type.String(),
  name: Type.Optional(text),
  status: Type.String(),
  size: Type.Integer(),
  'os-vol-tenant-attr:tenant_id': Type.Optional(text),
  'os-vol-mig-status-attr:name_id': Type.Optional(text),
  multiattach: Type.Optional(Type.Boolean()),
  metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  attachments: Type.Optional(
    Type.Array(
      Type.Object({
        attachment_id: Type.String(),
        server_id: Type.Optional(text),
        host_name: Type.Optional(text),
      }),
    ),
  ),
});
const links = Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })));
const oneVolume = Compile(Type.Object({ volume: volumeShape }));
const manyVolumes = Compile(Type.Object({ volumes: Type.Array(volumeShape), volumes_links: links }));
const attachmentShape = Type.Object({
  id: Type.String(),
  status: Type.String(),
  volume_id: Type.String(),
  instance: Type.Optional(text),
  connection_info: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
const oneAttachment = Compile(Type.Object({ attachment: attachmentShape }));
const manyAttachments = Compile(
  Type.Object({ attachments: Type.Array(attachmentShape), attachments_links: links }),
);

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const service = 'Cinder';
/** As catalogs call it, newer ones first. */
const types = ['block-storage', 'volumev3'] as const;
/** Rocky's, and newer ones'. */
export const microversion = 'volume 3.54';

/** What this catalog calls Cinder. */
export const cinderType = (catalog: readonly { readonly type: string }[]): string =>
  types.find((each) => catalog.some((known) => known.type === each)) ?? types[0];

/** All throw TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED when Troupe's own user may not; FORBIDDEN when the caller may not. */
export function createCinder(session: CloudSession): Cinder {
  const ask = async (
    operation: string,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    { bearer = null, body }: { readonly bearer?: Bearer | null; readonly body?: object } = {},
  ): Promise<CloudAnswer> => {
    const { catalog } = await session.facts();
    return session.send({
      service,
      operation,
      type: cinderType(catalog),
      method,
      path,
      headers: { 'openstack-api-version': microversion },
      ...(body === undefined ? {} : { body }),
      bearer: bearer?.token ?? null,
      projectId: bearer?.projectId ?? null,
      requestId: bearer?.requestId ?? null,
      repeatable: method !== 'POST',
    });
  };

  const showAs = async (id: string, bearer: Bearer | null): Promise<CinderVolume | null> => {
    const answer = await ask('show', 'GET', `/volumes/${encodeURIComponent(id)}`, { bearer });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw refusal(answer, `show volume "${id}"`, bearer !== null);
    if (!oneVolume.Check(answer.body)) throw nonsense('volume');
    return volumeOf(answer.body.volume);
  };

  return {
    async find(asked, bearer) {
      const byId = uuidPattern.test(asked) ? await showAs(asked.toLowerCase(), bearer) : null;
      if (byId) return byId;
      const query = new URLSearchParams({ name: asked });
      const answer = await ask('list', 'GET', `/volumes/detail?${query}`, { bearer });
      if (answer.status !== 200) throw refusal(answer, 'list volumes', true);
      if (!manyVolumes.Check(answer.body)) throw nonsense('list of volumes');
      const [found, ...others] = answer.body.volumes.filter(({ name }) => name === asked);
      if (others.length > 0)
        throw new TroupeError(
          'NAME_AMBIGUOUS',
          `Several volumes in Cinder are called "${asked}"; use the id`,
        );
      if (!found) throw noVolume(asked);
      return volumeOf(found);
    },
    async create({ name, sizeGib, metadata }, bearer) {
      const body = { volume: { name, size: sizeGib, metadata } };
      const answer = await ask('create', 'POST', '/volumes', { bearer, body });
      if (answer.status !== 202) throw refusal(answer, `make a volume of ${sizeGib} GiB`, true);
      if (!oneVolume.Check(answer.body)) throw nonsense('volume');
      return volumeOf(answer.body.volume);
    },
    show: (id) => showAs(id, null),
    withMetadata: (metadata) =>
      all(async (marker) => {
        const query = new URLSearchParams({
          all_tenants: 'true',
          metadata: JSON.stringify(metadata),
          ...marker,
        });
        const answer = await ask('list', 'GET', `/volumes/detail?${query}`);
        if (answer.status !== 200) throw refusal(answer, 'list volumes', false);
        if (!manyVolumes.Check(answer.body)) throw nonsense('list of volumes');
        const { volumes, volumes_links: more = [] } = answer.body;
        return { items: volumes.map(volumeOf), more: more.length > 0 };
      }),
    async remove(id) {
      const answer = await ask('delete', 'DELETE', `/volumes/${encodeURIComponent(id)}`);
      if (answer.status === 202 || answer.status === 404) return;
      throw refusal(answer, `delete volume "${id}"`, false, 'VOLUME_IN_USE');
    },
    async attach({ volumeId, containerId, connector, readOnly }) {
      const body = {
        attachment: {
          volume_uuid: volumeId,
          instance_uuid: containerId,
          connector,
          mode: readOnly ? 'ro' : 'rw',
        },
      };
      const answer = await ask('attach', 'POST', '/attachments', { body });
      if (answer.status === 404) throw noVolume(volumeId);
      if (answer.status !== 200) throw refusal(answer, `attach volume "${volumeId}"`, false, 'VOLUME_IN_USE');
      return attachment(answer);
    },
    async connect(id, connector) {
      const body = { attachment: { connector } };
      const answer = await ask('connect', 'PUT', `/attachments/${encodeURIComponent(id)}`, { body });
      if (answer.status === 404)
        throw new TroupeError('VOLUME_NOT_FOUND', 'Somebody has ended its attachment in Cinder');
      if (answer.status !== 200) throw refusal(answer, `connect attachment "${id}"`, false, 'VOLUME_ERROR');
      return attachment(answer);
    },
    async attachment(id) {
      const answer = await ask('attachment', 'GET', `/attachments/${encodeURIComponent(id)}`);
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw refusal(answer, `show attachment "${id}"`, false);
      return attachment(answer);
    },
    attachments: (volumeId) =>
      all(async (marker) => {
        const query = new URLSearchParams({ all_tenants: 'true', ...marker });
        if (volumeId !== null) query.set('volume_id', volumeId);
        const answer = await ask('attachments', 'GET', `/attachments?${query}`);
        if (answer.status !== 200) throw refusal(answer, 'list attachments', false);
        if (!manyAttachments.Check(answer.body)) throw nonsense('list of attachments');
        const { attachments, attachments_links: more = [] } = answer.body;
        return { items: attachments.map(attachmentOf), more: more.length > 0 };
      }),
    async complete(id) {
      const path = `/attachments/${encodeURIComponent(id)}/action`;
      const answer = await ask('complete', 'POST', path, { body: { 'os-complete': null } });
      if (answer.status !== 204) throw refusal(answer, `complete attachment "${id}"`, false, 'VOLUME_ERROR');
    },
    async detach(id) {
      const answer = await ask('detach', 'DELETE', `/attachments/${encodeURIComponent(id)}`);
      if (answer.status === 200 || answer.status === 404) return;
      throw refusal(answer, `end attachment "${id}"`, false, 'VOLUME_ERROR');
    },
  };
}

function attachment({ body }: CloudAnswer): CinderAttachment {
  if (!oneAttachment.Check(body)) throw nonsense('attachment');
  return attachmentOf(body.attachment);
}

const attachmentOf = ({
  id,
  status,
  volume_id: volumeId,
  instance,
  connection_info: connection,
}: Static<typeof attachmentShape>): CinderAttachment => ({
  id,
  volumeId,
  containerId: instance ?? null,
  status,
  connection: connection ?? {},
});

/** Page by page, each from behind the last of the one before. */
async function all<T extends { readonly id: string }>(
  page: (marker: {
    readonly marker?: string;
  }) => Promise<{ readonly items: readonly T[]; readonly more: boolean }>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (;;) {
    const last = found.at(-1);
    const { items, more } = await page(last === undefined ? {} : { marker: last.id });
    found.push(...items);
    if (!more || items.length === 0) return found;
  }
}

const volumeOf = ({
  id,
  name,
  status,
  size,
  'os-vol-tenant-attr:tenant_id': projectId,
  'os-vol-mig-status-attr:name_id': backendId,
  multiattach,
  metadata,
  attachments,
}: Static<typeof volumeShape>): CinderVolume => ({
  id,
  name: name ?? null,
  status,
  sizeGib: size,
  projectId: projectId ?? null,
  backendId: backendId ?? null,
  isShared: multiattach ?? false,
  metadata: metadata ?? {},
  attachments: (attachments ?? []).map(({ attachment_id, server_id }) => ({
    id: attachment_id,
    containerId: server_id ?? null,
  })),
});

/** The same words for what is not there and for what is somebody else's. */
const noVolume = (asked: string): TroupeError =>
  new TroupeError('VOLUME_NOT_FOUND', `Volume ${asked} could not be found in Cinder.`, {
    details: { volume: asked },
  });

const nonsense = (what: string): TroupeError =>
  new TroupeError('CLOUD_UNAVAILABLE', `Cinder answers with something that is no ${what}; is it Cinder?`);

/** @param isCaller it was asked in the name of somebody else, @param conflict what 400 and 409 mean, which Cinder tells apart by words alone */
function refusal(
  answer: CloudAnswer,
  what: string,
  isCaller: boolean,
  conflict: ErrorCode = 'CLOUD_REFUSED',
): TroupeError {
  const said = `Cinder does not ${what} (${answer.status})${cinderWords(answer)}`;
  switch (answer.status) {
    case 400:
    case 409:
      return new TroupeError(conflict, said);
    case 403:
      return isCaller
        ? new TroupeError('FORBIDDEN', said)
        : new TroupeError(
            'CLOUD_REFUSED',
            `${said}; Troupe’s own user needs the roles "admin" and "service" there`,
          );
    case 413:
      return new TroupeError('QUOTA_EXCEEDED', said);
    default:
      return new TroupeError('CLOUD_REFUSED', said);
  }
}

/** `{"itemNotFound": {"code", "message"}}` and the like. */
function cinderWords({ body }: CloudAnswer): string {
  const [fault] = Object.values((body ?? {}) as Record<string, { message?: unknown } | undefined>);
  return typeof fault?.message === 'string' && fault.message !== '' ? `: ${fault.message}` : '';
}
