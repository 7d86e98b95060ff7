/**
 * What the attachment of a volume needs of Cinder: to be made, completed once
 * its host has the volume, and ended once it has not any more. And that what was
 * made in vain goes.
 *
 * C1. An attachment is known by its volume and the container it carries: who
 *     asks again, whatever came of the first time, gets that one.
 * C2. What one attachment asks is asked one after the other, also where nobody
 *     waits for the first any more: what ends it finds all that was made.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { HostLinks } from '../../link/host-links.ts';
import type { VolumeConnection } from '../../link/protocol.ts';
import type { VolumeContext } from '../../machines/volume/context.ts';
import { promisedBy } from '../../model/cinder-marks.ts';
import type { Cinder, CinderAttachment, CinderVolume } from '../../model/cinder.ts';
import type { Environment } from '../../model/environment.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import type { CinderAttachmentInput, VolumeEffectResults } from '../../model/volume-events.ts';
import { promised, type Effect, type Effects } from './effect.ts';

export interface CinderVolumesOptions {
  readonly environment: Environment;
  /** Null where the site has no Cinder. */
  readonly cinder: Cinder | null;
  readonly links: () => Pick<HostLinks, 'ask'>;
}

/** A volume by its attachment, as Cinder says now. */
export interface ReachedVolume {
  readonly connection: VolumeConnection;
  readonly sizeGib: number;
  /** Ids that its backend may call it by. */
  readonly names: readonly string[];
}

export interface CinderVolumes {
  readonly effects: Effects;
  /** Null where its attachment has ended. @throws TroupeError CLOUD_UNAVAILABLE */
  reach(context: VolumeContext): Promise<ReachedVolume | null>;
}

/** Between looks at a volume that comes or goes. */
const lookMs = 500;
/** For a host to say how os-brick describes it. */
const connectorMs = 20_000;
/** A volume in one of these will be another in a moment. */
const passing: ReadonlySet<string> = new Set(['creating', 'downloading', 'detaching', 'maintenance']);
/** What deleting leads through, beside the end. */
const going: ReadonlySet<string> = new Set(['deleting', 'in-use', 'detaching', 'available', 'reserved']);

export function cinderVolumes({ environment, cinder, links }: CinderVolumesOptions): CinderVolumes {
  const inTurn = oneAtATime();

  const cloud = (): Cinder => {
    if (cinder) return cinder;
    throw new TroupeError(
      'INVALID_CONFIG',
      'It has a volume of Cinder, and this site has none; set "volume.driver" to "cinder" again',
    );
  };

  /** @param work told whether its result is still wanted */
  const effect = <T>(
    work: (wish: CinderAttachmentInput, context: VolumeContext, isWanted: () => boolean) => Promise<T>,
  ): Effect =>
    promised((run, isWanted) => {
      const context = run.context as VolumeContext;
      return inTurn(run.address, async () => work(context.cinder!, context, isWanted));
    });

  const pause = (): Promise<void> =>
    new Promise((resolve) => void environment.schedule(lookMs, () => resolve()));

  /** (C1) */
  const attachmentsOf = async ({
    volumeId,
    holderId,
  }: CinderAttachmentInput): Promise<readonly CinderAttachment[]> =>
    (await cloud().attachments(volumeId)).filter(({ containerId }) => containerId === holderId);

  const settled = async (volumeId: string, isWanted: () => boolean): Promise<CinderVolume> => {
    for (;;) {
      const volume = await cloud().show(volumeId);
      if (!volume)
        throw new TroupeError('VOLUME_NOT_FOUND', `Somebody has deleted the volume "${volumeId}" in Cinder`);
      if (!isWanted() || !passing.has(volume.status)) return volume;
      await pause();
    }
  };

  const attach = async (
    wish: CinderAttachmentInput,
    { hostId }: VolumeContext,
    isWanted: () => boolean,
  ): Promise<VolumeEffectResults['attachVolume']> => {
    const { volumeId, holderId, readOnly } = wish;
    const { status } = await settled(volumeId, isWanted);
    const [found] = await attachmentsOf(wish);
    const known = found && (await cloud().attachment(found.id));
    // One without a connection was cut off in Cinder: it is there, and nobody was told how it is reached.
    if (known && Object.keys(known.connection).length > 0) return { attachmentId: known.id };
    if (!isWanted()) throw new TroupeError('SUPERSEDED', 'It is not wanted any more');
    if (status.startsWith('error'))
      throw new TroupeError('VOLUME_ERROR', `Cinder says of the volume "${volumeId}": ${status}`);
    const connector = (await links().ask(hostId, { kind: 'connector' }, connectorMs)) as Readonly<
      Record<string, unknown>
    >;
    const { id } = known
      ? await cloud().connect(known.id, connector)
      : await cloud().attach({ volumeId, containerId: holderId, connector, readOnly });
    return { attachmentId: id };
  };

  /** Waits until Cinder has none of it. */
  const remove = async (volumeId: string, isWanted: () => boolean): Promise<void> => {
    for (let isAsked = false; isWanted(); await pause()) {
      const volume = await cloud().show(volumeId);
      if (!volume) return;
      if (!going.has(volume.status) && isAsked)
        throw new TroupeError('VOLUME_ERROR', `Cinder says of the volume "${volumeId}": ${volume.status}`);
      if (volume.status === 'deleting') isAsked = true;
      else if (!isAsked) {
        await cloud().remove(volumeId);
        isAsked = true;
      }
    }
  };

  return {
    async reach({ attachmentId, cinder: wish }) {
      if (attachmentId === null || wish === null) return null;
      const [attachment, volume] = await Promise.all([
        cloud().attachment(attachmentId),
        cloud().show(wish.volumeId),
      ]);
      if (!attachment || !volume) return null;
      const { id, backendId, sizeGib } = volume;
      return { connection: attachment.connection, sizeGib, names: [id, ...(backendId ? [backendId] : [])] };
    },
    effects: {
      attachVolume: effect(attach),
      completeVolume: effect<VolumeEffectResults['completeVolume']>(async (_, { attachmentId }) => {
        const attachment = await cloud().attachment(attachmentId ?? '');
        if (!attachment)
          throw new TroupeError('VOLUME_NOT_FOUND', 'Somebody has ended its attachment in Cinder');
        if (attachment.status !== 'attached') await cloud().complete(attachment.id);
        return null;
      }),
      detachVolume: effect<VolumeEffectResults['detachVolume']>(async (wish, _, isWanted) => {
        for (const { id } of await attachmentsOf(wish)) await cloud().detach(id);
        if (wish.isTemporary) await remove(wish.volumeId, isWanted);
        return null;
      }),
      discardPromised: promised(({ address, context }, isWanted) =>
        inTurn(address, async (): Promise<VolumeEffectResults['discardPromised']> => {
          const { id, tenant } = context as VolumeContext;
          // Its users may write metadata of their own.
          const made = (await cloud().withMetadata(promisedBy(id))).filter(
            ({ projectId }) => projectId === tenant,
          );
          for (const volume of made) await remove(volume.id, isWanted);
          return null;
        }),
      ),
    },
  };
}
