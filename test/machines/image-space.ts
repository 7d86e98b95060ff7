import { imageChart } from '../../src/machines/image.machine.ts';
import type { ImageContext } from '../../src/machines/image/context.ts';
import type { ImageOrigin } from '../../src/model/image-events.ts';
import type { ProofSubject } from './proofs.ts';

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
  { code: 'CLOUD_BUSY', message: 'Glance is busy', retryable: true },
];

const commit = (commitId: string): Extract<ImageOrigin, { kind: 'commit' }> => ({
  kind: 'commit',
  commitId,
  containerId: 'c1',
  generation: 1,
});
const origins: readonly ImageOrigin[] = [
  { kind: 'pull', policy: 'always', registryId: null },
  commit('k1'),
  { kind: 'seen' },
];

const outputs: Readonly<Record<string, readonly unknown[]>> = {
  deadline: [{ at: 0 }],
  pullImage: [{ imageId: 'sha256:1' }],
  commitContainer: [{ imageId: 'sha256:2' }],
  storeImage: [{ digest: { algorithm: 'sha512', value: '1' } }],
  lookAtStored: [{ isSaving: true }, { isSaving: false }],
  discardImage: [null],
  findImageUsers: [
    { users: [] },
    { users: ['web'] },
    { users: ['one', 'two', 'three', 'four', 'five', 'six'] },
  ],
  removeImage: [null],
};

export const imageSubject: ProofSubject = {
  chart: imageChart,
  inputs: [
    ...origins.map((origin) => ({ origin, storedId: null })),
    { origin: commit('k1'), storedId: 's1' },
  ].map((each) => ({
    id: 'i1',
    tenant: 'p1',
    hostId: 'h1',
    reference: 'busybox:1',
    name: 'busybox:1',
    ...each,
    deadlines: { makeMs: 60_000, removeMs: 30_000 },
  })),
  events: () => [
    { type: 'image.pull', policy: 'always', registryId: null },
    { type: 'image.commit', origin: commit('k1') },
    { type: 'image.commit', origin: commit('k2') },
    { type: 'image.delete' },
    { type: 'image.juggle' },
    ...['h1', 'h2'].flatMap((hostId) => [
      { type: 'image.missing', hostId },
      { type: 'host.lost', hostId },
      { type: 'host.removed', hostId },
    ]),
    { type: 'resource.seen', hostId: 'h1' },
    { type: 'actor.restored' },
  ],
  results: (invokeId, src) => [
    ...outputs[src]!.map((output) => ({ type: `xstate.done.actor.${invokeId}`, output })),
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ],
  project: (context) => {
    const { origin, storedId, isLeaving, imageId, failure } = context as ImageContext;
    return [origin, storedId, isLeaving, imageId !== null, failure !== null];
  },
};
