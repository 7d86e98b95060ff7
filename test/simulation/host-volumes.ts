/**
 * Volumes of Cinder on a simulated host: what is written down of each, which devices are
 * connected and what is mounted. All of it outlives agents, in whatever step these are
 * killed, as what `src/drivers/volume/connect.ts` does outlives them; devices and mounts
 * go with the machine's power.
 */
import type { VolumeDriver, VolumeIdentity, VolumePath } from '../../src/drivers/volume/volume-driver.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import { oneAtATime } from '../../src/model/one-at-a-time.ts';
import type { SimulatedCinder } from './cinder.ts';
import type { SimulatedEngine } from './engine.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';

/** As its folder on the disk tells. */
interface Written extends VolumeIdentity {
  readonly tenant: string;
  readonly cinderId: string;
  /** It is known to be connected. */
  readonly isConnected: boolean;
}

export interface HostMount {
  readonly cinderId: string;
  readonly readOnly: boolean;
}

export interface SimulatedHostVolumes {
  /** By the id of the volume's actor. */
  readonly written: ReadonlyMap<string, Written>;
  /** Of Cinder's volumes that are connected. */
  readonly devices: ReadonlySet<string>;
  /** By path. */
  readonly mounts: ReadonlyMap<string, HostMount>;
  driver(agent: SimulatedProcess): VolumeDriver;
  powerLoss(): void;
  /** Told of each that is mounted. */
  onMount: ((mount: HostMount) => void) | null;
}

export const pathOf = (volumeId: string): string => `/volumes/${volumeId}`;

export function createHostVolumes(
  kernel: Kernel,
  engine: SimulatedEngine,
  cinder: SimulatedCinder,
): SimulatedHostVolumes {
  const written = new Map<string, Written>();
  const devices = new Set<string>();
  const mounts = new Map<string, HostMount>();

  const failed = (what: string): TroupeError =>
    new TroupeError('VOLUME_ERROR', `It could not be ${what}`, { retryable: true });

  /** A program that the agent has begun ends by itself, whoever is left to hear of it. */
  const stepBy =
    (agent: SimulatedProcess) =>
    <T>(kind: string, work: () => T): Promise<T> =>
      agent.guard(
        new Promise((resolve, reject) => {
          kernel.at(kernel.between(0.1, 5), () => {
            engine.onOperation?.('before', kind);
            if (!agent.alive) return;
            if (kernel.chance(engine.faults.unavailable)) return reject(failed(kind));
            kernel.at(kernel.between(1, 60), () => {
              try {
                const result = work();
                kernel.trace(`${engine.host} ${kind}`);
                engine.onOperation?.('after', kind);
                kernel.at(kernel.between(0.1, 5), () => resolve(result));
              } catch (error) {
                reject(error as Error);
              }
            });
          });
        }),
      );

  const others = (volumeId: string, cinderId: string): readonly Written[] =>
    [...written.values()].filter((each) => each.volumeId !== volumeId && each.cinderId === cinderId);

  const volumes: SimulatedHostVolumes = {
    written,
    devices,
    mounts,
    onMount: null,
    powerLoss() {
      devices.clear();
      mounts.clear();
    },
    driver(agent) {
      const step = stepBy(agent);
      const inTurn = oneAtATime();
      const absent = (): Promise<never> =>
        Promise.reject(new TroupeError('HOST_INCAPABLE', 'This host has volumes of Cinder only'));
      const path = (volumeId: string): VolumePath => ({ path: pathOf(volumeId) });
      /** As os-brick: connecting what is connected succeeds. */
      const connect = (cinderId: string, connection: Readonly<Record<string, unknown>>): Promise<void> =>
        step('connected', () => {
          const attachment = cinder.attachments.get(String(connection['attachment_id']));
          if (attachment?.host !== engine.host) throw failed('connected: its target is not there');
          devices.add(cinderId);
        });
      return {
        name: 'simulated',
        probe: () => Promise.resolve({ sizedBy: null, problems: [] }),
        ensureVolume: absent,
        ensureFile: absent,
        usage: absent,
        connector: () => step('described', () => ({ host: engine.host })),
        connectVolume: ({ worldId, volumeId, tenant, cinderId, readOnly, connection }) =>
          inTurn(volumeId, async () => {
            const before = written.get(volumeId);
            if (before && before.cinderId !== cinderId)
              throw new TroupeError('INVALID_SPEC', 'There is another volume of this id');
            if (mounts.has(pathOf(volumeId))) return path(volumeId);
            const record = { worldId, volumeId, tenant, cinderId };
            if (!before)
              await step('written', () => written.set(volumeId, { ...record, isConnected: false }));
            return inTurn(cinderId, async () => {
              await connect(cinderId, connection);
              await step('written', () => written.set(volumeId, { ...record, isConnected: true }));
              await step('mounted', () => {
                if (!devices.has(cinderId)) throw failed('mounted: its device has gone');
                mounts.set(pathOf(volumeId), { cinderId, readOnly });
                volumes.onMount?.({ cinderId, readOnly });
              });
              return path(volumeId);
            });
          }),
        disconnectVolume: ({ volumeId }, connection) =>
          inTurn(volumeId, async () => {
            const record = written.get(volumeId);
            if (!record) return;
            const { cinderId, isConnected } = record;
            await inTurn(cinderId, async () => {
              const isShared = others(volumeId, cinderId).length > 0;
              await step('unmounted', () => {
                if (!isShared && engine.uses(pathOf(volumeId)))
                  throw new TroupeError('VOLUME_IN_USE', 'A process has it mounted', { retryable: true });
                mounts.delete(pathOf(volumeId));
              });
              if (connection === null || isShared) return;
              if (!isConnected) await connect(cinderId, connection);
              await step('disconnected', () => devices.delete(cinderId));
            });
            await step('forgotten', () => written.delete(volumeId));
          }),
        connectedPath: ({ volumeId }) =>
          step('looked at', () => {
            if (mounts.has(pathOf(volumeId))) return path(volumeId);
            throw new TroupeError(
              'VOLUME_NOT_FOUND',
              `The volume "${volumeId}" is not mounted here any more`,
            );
          }),
        removeVolume: ({ volumeId }) =>
          step('removed', () => {
            if (written.has(volumeId))
              throw new TroupeError('VOLUME_IN_USE', "It is Cinder's, and has to be disconnected");
          }),
        listVolumes: () =>
          step('listed', () =>
            [...written.values()].map(({ worldId, volumeId, tenant }) => ({
              worldId,
              volumeId,
              tenant,
              kind: 'cinder' as const,
              name: '',
              sizeGib: 1,
            })),
          ),
        sweep: () => Promise.resolve([]),
      };
    },
  };
  engine.isMounted = (at) => mounts.has(at);
  return volumes;
}
