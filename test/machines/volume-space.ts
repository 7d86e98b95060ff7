import { volumeChart } from '../../src/machines/volume.machine.ts';
import type { VolumeContext } from '../../src/machines/volume/context.ts';
import type { ProofSubject } from './proofs.ts';

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
];

const outputs: Readonly<Record<string, unknown>> = {
  deadline: { at: 0 },
  attachVolume: { attachmentId: 'a1' },
};

export const volumeSubject: ProofSubject = {
  chart: volumeChart,
  inputs: [false, true, 'cinder' as const, 'promise' as const].map((kind) => ({
    id: 'v1',
    tenant: 'p1',
    name: kind === false ? 'data' : null,
    hostId: kind === 'promise' ? '' : 'h1',
    sizeGib: 1,
    isEphemeral: kind !== false,
    cinder:
      kind === 'cinder'
        ? { volumeId: 'of-cinder', isTemporary: true, readOnly: false, holderId: 'c1' }
        : null,
    ...(kind === 'promise' && { promise: { forMs: 60_000 } }),
    deadlines: { makeMs: 60_000, removeMs: 60_000 },
  })),
  events: (snapshot) => {
    // As many as there may be stand for all.
    const { attached } = snapshot.context as VolumeContext;
    const crowd = attached.length;
    return [
      { type: 'volume.detach', containerId: attached.at(-1) ?? 'c3' },
      ...['c1', 'c2'].flatMap((containerId) => [
        { type: 'volume.attach', containerId },
        { type: 'volume.detach', containerId },
      ]),
      ...(crowd > 0 && crowd < 64 ? [{ type: 'volume.attach', containerId: `more${crowd}` }] : []),
      { type: 'volume.delete' },
      { type: 'volume.promise' },
      { type: 'volume.keep' },
      { type: 'volume.juggle' },
      { type: 'host.lost', hostId: 'h1' },
      { type: 'host.lost', hostId: 'h2' },
      { type: 'host.removed', hostId: 'h1' },
      { type: 'host.removed', hostId: 'h2' },
      {
        type: 'message.undeliverable',
        to: 'container/p1/c1',
        gone: true,
        message: { type: 'volume.granted' },
      },
      {
        type: 'message.undeliverable',
        to: 'container/p1/c1',
        gone: true,
        message: { type: 'volume.refused' },
      },
      {
        type: 'message.undeliverable',
        to: 'container/p1/c1',
        gone: true,
        message: { type: 'volume.held' },
      },
      { type: 'resource.seen', hostId: 'h1' },
      { type: 'volume.unmounted', hostId: 'h1' },
      { type: 'volume.unmounted', hostId: 'h2' },
      { type: 'actor.restored' },
    ];
  },
  results: (invokeId, src) => [
    { type: `xstate.done.actor.${invokeId}`, output: outputs[src] ?? null },
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ],
  project: (context) => {
    const { attached, isEphemeral, cinder, isConnected, promise } = context as VolumeContext;
    return [
      isEphemeral,
      attached.includes('c1'),
      attached.includes('c2'),
      attached.length,
      cinder !== null,
      isConnected,
      promise !== undefined,
    ];
  },
};
