/** A host is let go of for good, whatever comes in between. */
import t from 'tap';
import type { RunningControlPlane } from '../../src/actors/control-plane.ts';
import type { Store } from '../../src/actors/stores/store.ts';
import {
  hostAddress,
  imageAddress,
  networkAddress,
  poolAddress,
  sandboxAddress,
  volumeAddress,
  type Address,
} from '../../src/model/address.ts';
import { defaultNetworkId } from '../../src/model/network.ts';
import { embeddedFolder, startActors, type RunningActors } from '../support/embedded-world.ts';
import { rawAgent } from '../support/raw-agent.ts';
import { createTestEnvironment, type TestEnvironment } from '../support/test-environment.ts';

const caller = { userId: 'u', projectId: 'p1', requestId: 'req-1' };
const cause = { kind: 'runtime', reason: 'test' } as const;
const deadlines = { allocateMs: 600_000, makeMs: 600_000, removeMs: 600_000, idleMs: 600_000 };

/** A promise, once what it waits for has happened. */
async function settled<T>({ until }: RunningActors, promise: Promise<T>): Promise<T> {
  let isOver = false;
  promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await until(() => isOver);
  return promise;
}

interface Joined {
  readonly hostId: string;
  readonly credential: string;
}

async function join(
  actors: RunningActors,
): Promise<Joined & { readonly agent: ReturnType<typeof rawAgent> }> {
  const { controlPlane } = actors;
  const joinToken = await settled(actors, controlPlane.createJoinToken());
  const agent = rawAgent(controlPlane.links);
  const params = { protocol: 1, joinToken, hostname: 'raw' };
  const joined = (await settled(actors, agent.call('enrol', params))) as Joined;
  await settled(actors, agent.sync(joined.hostId, joined.credential));
  return { ...joined, agent };
}

const stateOf = ({ runtime }: RunningControlPlane, hostId: string): string | undefined =>
  runtime.cell(hostAddress(hostId))?.committed?.paths.find((path) => path.startsWith('link.'));

t.test(
  'it is gone with all that came by itself, though the store and the process fail meanwhile',
  async (t) => {
    const folder = embeddedFolder(t);
    let isBroken = true;
    let opened = 0;
    const open = (): {
      readonly store: Store;
      readonly environment: TestEnvironment;
    } => {
      const counting = createTestEnvironment();
      opened += 1;
      const first = String(opened);
      // Ids of one process are not those of another.
      const environment = { ...counting, id: () => counting.id().replace(/^0/, first) };
      const store = folder.open(environment);
      const putSetting: Store['putSetting'] = (key, value) =>
        isBroken && key.startsWith('credential/') && value === null
          ? Promise.reject(new Error('The disk is full'))
          : store.putSetting(key, value);
      return { environment, store: { ...store, putSetting } };
    };
    const before = open();
    const first = await startActors(before.store, before);
    const { controlPlane: plane } = first;
    const { hostId, credential, agent } = await join(first);
    agent.cut();
    await first.until(() => stateOf(plane, hostId) === 'link.suspect');
    await settled(first, plane.commandHost(hostId, { type: 'host.giveUp' }, caller));

    await first.until(() => stateOf(plane, hostId) === 'link.lost.told');

    const own = { tenant: 'p1', hostId, deadlines };
    const network = defaultNetworkId('p1', hostId);
    const poolId = `${hostId}.default`;
    const placed: readonly (readonly [Address, object])[] = [
    [networkAddress('p1', network), { ...own, id: network, name: 'default', subnet: null, isDefault: true, idleMs: 1 }],
    [poolAddress('p1', poolId), { ...own, id: poolId, networks: [], ceiling: 1, windowMs: 1 }],
    [imageAddress('p1', 'i1'), { ...own, id: 'i1', reference: 'busybox:1', name: 'busybox:1', storedId: null, origin: { kind: 'pull', policy: 'always', registryId: null } }],
    [sandboxAddress('p1', 's1'), { ...own, id: 's1', hostname: null, networks: [], published: [], claimedBy: null, isOfCapsule: false, pool: { id: poolId, ceiling: 1, windowMs: 1 } }],
    [volumeAddress('p1', 'v1'), { ...own, id: 'v1', name: 'data', sizeGib: null, isEphemeral: false, cinder: null }],
  ]; // prettier-ignore
    for (const [address, input] of placed)
      await settled(first, plane.runtime.begin(address, input, cause, null));
    t.match(await settled(first, plane.removeHost(hostId, caller)), {
      answer: 'refused',
      reason:
        'It is not heard, and was not removed: volume "data" of project p1 is still there; delete it first',
    });
    t.match(stateOf(plane, hostId), /^link\.lost\./);

    await settled(
      first,
      plane.runtime.ask(volumeAddress('p1', 'v1'), { type: 'volume.delete' }, cause, 'command'),
    );
    const answered = plane.removeHost(hostId, caller);
    await first.until(() => stateOf(plane, hostId) === 'link.removing.pausing');
    await before.environment.advance(5_000);
    t.match(
      await settled(first, answered),
      { answer: 'queued' },
      'it is under way, and nobody waits for ever',
    );
    t.equal(placed.filter(([address]) => plane.runtime.cell(address)).length, placed.length);
    const late = rawAgent(plane.links);
    await t.rejects(settled(first, late.hello(hostId, credential)), {
      message: /It is being removed/,
      fatal: true,
    });
    await first.stop();

    isBroken = false;
    const after = open();
    const second = await startActors(after.store, after);
    const { controlPlane: next } = second;
    t.match(stateOf(next, hostId), /^link\.removing\./);
    await after.environment.advance(5_000);
    await second.until(() => next.runtime.cell(hostAddress(hostId)) === undefined);
    await second.until(() => placed.every(([address]) => next.runtime.tombstones.has(address)));
    t.same(next.hosts(), []);
    t.same([...next.runtime.placedOn(hostId)], []);
    const old = rawAgent(next.links);
    await t.rejects(settled(second, old.hello(hostId, credential)), {
      message: /was removed; join it again/,
      fatal: true,
    });
    await t.rejects(settled(second, next.removeHost(hostId, caller)), { code: 'HOST_NOT_FOUND' });
    const again = await join(second);
    t.not(again.hostId, hostId);
    t.match(next.hosts(), [{ id: again.hostId, hostname: 'raw', online: true }]);
    await second.stop();
  },
);
