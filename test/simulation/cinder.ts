/**
 * A Cinder in memory: slow, away for a while, cut off half way, and forgetful of
 * its answers, but never of what it did. What it makes, lets go of or deletes
 * takes it a moment, in which it refuses what the real one refuses.
 */
import { TroupeError } from '../../src/errors/errors.ts';
import type { Cinder, CinderAttachment, CinderVolume } from '../../src/model/cinder.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';
import { serviceCalls, unavailable, type ServiceFaults } from './service-calls.ts';

export interface SimulatedVolume extends Omit<CinderVolume, 'attachments'> {
  readonly projectId: string;
}

export interface SimulatedAttachment extends CinderAttachment {
  /** What it was connected for; null while it is reserved only. */
  readonly host: string | null;
  readonly readOnly: boolean;
}

export interface SimulatedCinder {
  readonly volumes: ReadonlyMap<string, SimulatedVolume>;
  readonly attachments: ReadonlyMap<string, SimulatedAttachment>;
  /** Probabilities; `cutOff` of an attachment, `broken` of a volume that is made. */
  readonly faults: ServiceFaults & { cutOff: number; broken: number };
  /** Somebody has made a volume. @returns its id */
  put(projectId: string, isShared: boolean): string;
  client(process: SimulatedProcess): Cinder;
}

/** Nobody has it, or others may have it, too. */
const isFree = ({ status, isShared }: SimulatedVolume): boolean =>
  status === 'available' || (isShared && ['reserved', 'attaching', 'in-use'].includes(status));

const deletable: ReadonlySet<string> = new Set(['available', 'error']);

export function createCinder(kernel: Kernel): SimulatedCinder {
  const volumes = new Map<string, SimulatedVolume>();
  const attachments = new Map<string, SimulatedAttachment>();
  const faults = { lostAnswer: 0, unavailable: 0, slow: 0, cutOff: 0, broken: 0 };

  const callBy = serviceCalls(kernel, 'Cinder', faults);

  const attachmentsOf = (id: string): readonly SimulatedAttachment[] =>
    [...attachments.values()].filter(({ volumeId }) => volumeId === id);
  const seen = (volume: SimulatedVolume): CinderVolume => ({
    ...volume,
    attachments: attachmentsOf(volume.id).filter(({ status }) => status === 'attached'),
  });
  const become = (id: string, status: string): void => {
    const volume = volumes.get(id);
    if (volume) volumes.set(id, { ...volume, status });
  };
  const must = (id: string): SimulatedVolume => {
    const volume = volumes.get(id);
    if (!volume) throw new TroupeError('VOLUME_NOT_FOUND', `Volume ${id} could not be found in Cinder.`);
    return volume;
  };
  const make = (volume: Omit<SimulatedVolume, 'id' | 'backendId'>): SimulatedVolume => {
    const made = { ...volume, id: kernel.id(), backendId: null };
    volumes.set(made.id, made);
    return made;
  };
  const connected = (id: string, host: string): SimulatedAttachment => {
    const attachment = attachments.get(id);
    if (!attachment) throw new TroupeError('VOLUME_NOT_FOUND', 'Somebody has ended its attachment in Cinder');
    const connection = { driver_volume_type: 'simulated', attachment_id: id, host };
    const changed: SimulatedAttachment = { ...attachment, status: 'attaching', host, connection };
    attachments.set(id, changed);
    if (must(attachment.volumeId).status !== 'in-use') become(attachment.volumeId, 'attaching');
    return changed;
  };

  return {
    volumes,
    attachments,
    faults,
    put: (projectId, isShared) =>
      make({ projectId, isShared, name: null, status: 'available', sizeGib: 1, metadata: {} }).id,
    client(process) {
      const call = callBy(process);
      return {
        find: (idOrName, { projectId }) =>
          call('find', () => {
            const found = [...volumes.values()].find(
              (each) => each.projectId === projectId && (each.id === idOrName || each.name === idOrName),
            );
            return seen(found ?? must(idOrName));
          }),
        create: ({ name, sizeGib, metadata }, { projectId }) =>
          call('create', () => {
            const volume = make({ projectId, name, sizeGib, metadata, status: 'creating', isShared: false });
            const isBroken = kernel.chance(faults.broken);
            kernel.at(kernel.between(100, 3_000), () => become(volume.id, isBroken ? 'error' : 'available'));
            return seen(volume);
          }),
        show: (id) => call('show', () => (volumes.has(id) ? seen(must(id)) : null)),
        withMetadata: (metadata) =>
          call('list', () =>
            [...volumes.values()]
              .filter((volume) =>
                Object.entries(metadata).every(([key, value]) => volume.metadata[key] === value),
              )
              .map(seen),
          ),
        remove: (id) =>
          call('delete', () => {
            const volume = volumes.get(id);
            if (!volume) return;
            if (!deletable.has(volume.status) || attachmentsOf(id).length > 0)
              throw new TroupeError(
                'VOLUME_IN_USE',
                `Cinder does not delete volume "${id}": ${volume.status}`,
              );
            become(id, 'deleting');
            kernel.at(kernel.between(50, 3_000), () => void volumes.delete(id));
          }),
        async attach({ volumeId, containerId, connector, readOnly }) {
          const isCutOff = kernel.chance(faults.cutOff);
          const attachment = await call('attach', () => {
            if (!isFree(must(volumeId)))
              throw new TroupeError(
                'VOLUME_IN_USE',
                `Cinder does not attach volume "${volumeId}": ${must(volumeId).status}`,
              );
            const id = kernel.id();
            attachments.set(id, {
              id,
              volumeId,
              containerId,
              status: 'reserved',
              connection: {},
              host: null,
              readOnly,
            });
            if (must(volumeId).status === 'available') become(volumeId, 'reserved');
            return isCutOff ? null : connected(id, String(connector['host']));
          });
          if (attachment) return attachment;
          throw unavailable('Cinder', 'was started anew while it attached');
        },
        connect: (id, connector) => call('connect', () => connected(id, String(connector['host']))),
        attachment: (id) => call('attachment', () => attachments.get(id) ?? null),
        attachments: (volumeId) =>
          call('attachments', () =>
            [...attachments.values()]
              .filter((each) => volumeId === null || each.volumeId === volumeId)
              .map((each) => ({ ...each, connection: {} })),
          ),
        complete: (id) =>
          call('complete', () => {
            const attachment = attachments.get(id);
            if (attachment?.status !== 'attaching')
              throw new TroupeError('VOLUME_ERROR', `Cinder does not complete attachment "${id}"`);
            attachments.set(id, { ...attachment, status: 'attached' });
            become(attachment.volumeId, 'in-use');
          }),
        detach: (id) =>
          call('detach', () => {
            const attachment = attachments.get(id);
            if (!attachment) return;
            attachments.delete(id);
            const { volumeId } = attachment;
            if (attachmentsOf(volumeId).length > 0) return;
            become(volumeId, 'detaching');
            kernel.at(kernel.between(10, 1_500), () => become(volumeId, 'available'));
          }),
      };
    },
  };
}
