import t from 'tap';
import { charts } from '../../src/machines/catalogue.ts';
import {
  capsuleInputOf,
  containerInputOf,
  containerMismatch,
  foundCapsule,
  foundContainer,
  mismatchOf,
  sandboxInputOf,
} from '../../src/actors/found.ts';
import { createDecider } from '../../src/actors/decide.ts';
import { createKeepsakes, type Keepsake } from '../../src/actors/keepsakes.ts';
import type { DesiredState, InventoryItem } from '../../src/link/protocol.ts';
import type { CapsuleContext } from '../../src/machines/capsule/context.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { SandboxContext } from '../../src/machines/sandbox/context.ts';
import { createSealer } from '../../src/main/site-key.ts';
import { capsuleAddress, containerAddress, sandboxAddress, type Address } from '../../src/model/address.ts';
import type { Observation } from '../../src/model/container.ts';
import type { Emitted } from '../../src/model/events.ts';
import {
  containerId,
  containerInput,
  granted,
  hostId,
  observation,
  tenant,
} from '../machines/container-samples.ts';
import { capsuleInput } from '../machines/capsule-space.ts';
import { memberInput } from '../machines/container-space.ts';

const address = containerAddress(tenant, containerId);
const decider = createDecider(charts.container);
const finder = { hostId, hostname: 'one' };

/** As it was when its create was sent. */
const context: ContainerContext = {
  ...(decider.next(decider.initial({ ...containerInput, sandbox: 'own' }).snapshot, granted).snapshot
    .context as ContainerContext),
  sandboxId: 's1',
  sandboxesAsked: 1,
};
const item = (seen: Partial<Observation>, changes: Partial<InventoryItem> = {}): InventoryItem => ({
  observation: observation(seen),
  worldId: 'w',
  lastOpId: null,
  lastRevision: 0,
  epoch: 1,
  sandboxId: 's1',
  kept: true,
  ...changes,
});
const desired = (running: boolean): DesiredState => ({
  running,
  run: 2,
  restarts: 1,
  restartPolicy: { name: 'no', maximumRetryCount: 0 },
});
const ended = { state: 'exited', finishedAt: 2_000, exitCode: 1 } as const;

/** Where its chart begins, and what it says to others. */
const begun = (seen: Partial<Observation>, told: DesiredState | null, kept = context) => {
  const found = foundContainer(kept, item(seen), told, finder);
  const { snapshot, emitted } = decider.initial(containerInputOf(kept, found));
  const messages = emitted.filter(
    (each): each is Extract<Emitted, { type: 'message' }> => each.type === 'message',
  );
  return {
    paths: decider.paths(snapshot).join(),
    messages: messages.map(({ to, event }) => `${event.type} ${to}`),
    context: snapshot.context as ContainerContext,
  };
};

t.test('it begins where it is, and tells those that it holds something of', async (t) => {
  const running = begun({}, desired(true));
  t.equal(running.paths, 'running.up');
  t.same(running.messages, [
    `tenant.confirm tenant/${tenant}`,
    `host.keep host/${hostId}`,
    `sandbox.claim sandbox/${tenant}/s1`,
  ]);
  t.match(running.context, {
    hostId,
    hostname: 'one',
    claimHeld: true,
    reservationHeld: true,
    containerHeld: true,
    run: 2,
  });
  t.equal(begun({ state: 'paused' }, desired(true)).paths, 'paused');
  t.equal(begun(ended, desired(false)).paths, 'stopped');
  t.equal(begun(ended, desired(true)).paths, 'stopped', 'its policy does not start it again');
  const always = { ...context, restartPolicy: { name: 'always', maximumRetryCount: 0 } } as const;
  t.equal(begun(ended, desired(true), always).paths, 'backingOff');
  t.equal(begun(ended, desired(false), always).paths, 'stopped', 'somebody stopped it');
  const created = { state: 'created', startedAt: null } as const;
  t.equal(begun(created, null, { ...context, wanted: 'created' }).paths, 'created');
  t.equal(begun(created, null).paths, 'mending', 'it was to run, and its start goes on with its network');
});

t.test('a stop that was under way is what its end is taken for', async (t) => {
  const found = foundContainer(context, item({}), desired(false), finder);
  t.match(found, { wanted: 'running', stopAsked: true });
  const always = { ...context, restartPolicy: { name: 'always', maximumRetryCount: 0 } } as const;
  const { snapshot } = decider.initial(containerInputOf(always, found));
  const fact = {
    type: 'runtime.exited',
    hostId,
    opId: null,
    stoppedOutside: false,
    observation: observation(ended),
  };
  t.same(decider.paths(decider.next(snapshot, fact).snapshot), ['stopped']);
});

t.test('a removal that was under way goes on', async (t) => {
  const deleting: ContainerContext = { ...context, wanted: 'deleted' };
  t.equal(begun({}, desired(false), deleting).paths, 'removing.container.attempting');
  t.equal(begun(ended, null, { ...deleting, graceMs: 0 }).paths, 'removing.container.attempting');
  const removing = item({ state: 'removing' });
  const keepsake: Keepsake = { address, context: deleting, document: '{}', others: [] };
  t.equal(containerMismatch(keepsake, address, hostId, removing, 3), null, 'even while its engine is at it');
  const rebuilt = begun({}, desired(false), { ...context, rebuilding: true });
  t.equal(rebuilt.paths, 'rebuilding.removing.attempting', 'of a rebuild: to be made anew');
});

t.test('a rebuild is begun by its removal, and by nothing after it', async (t) => {
  const specs = { document: () => null };
  const keepsakes = createKeepsakes(createSealer([Buffer.alloc(32, 1)]), charts, specs, () => null);
  const kept = (operation: 'removeContainer' | 'startContainer') =>
    keepsakes.open(keepsakes.of(address, { ...context, rebuilding: true }, operation));
  t.match(kept('removeContainer'), { context: { rebuilding: true } });
  t.match(kept('startContainer'), { context: { rebuilding: false } });
});

t.test('one that was only set back is taken up where it is looked for', async (t) => {
  const placing = decider.initial({ ...containerInput, candidates: [] }).snapshot;
  t.same(decider.paths(placing), ['placing.choosing']);
  const found = { type: 'runtime.found', ...foundContainer(context, item({}), desired(true), finder) };
  const next = decider.next(placing, found);
  t.same(decider.paths(next.snapshot), ['running.up']);
  const later = { ...found, observation: observation({ generation: 2 }) };
  t.equal(decider.next(placing, later).changed, false, 'not in another generation');
});

t.test('the engine knows which sandbox it is in', async (t) => {
  t.equal(foundContainer(context, item({}, { sandboxId: 's0' }), null, finder).sandboxId, 's0');
  const { sandboxId: _, ...older } = item({});
  t.equal(foundContainer(context, older, null, finder).sandboxId, 's1');
});

t.test('what is not what was kept is refused in words', async (t) => {
  const keepsake: Keepsake = { address, context, document: '{}', others: [] };
  const why = (changed: Partial<Keepsake>, seen: InventoryItem = item({})) =>
    containerMismatch({ ...keepsake, ...changed }, address, hostId, seen, 3);
  t.equal(why({}), null);
  t.match(why({ address: containerAddress(tenant, 'another') }), /is of "container\/p1\/another"/);
  t.match(why({ context: { ...context, hostId: 'h9' } }), /was given to host "h9"/);
  t.match(why({}, item({ generation: 2 })), /generation 2, and its host keeps generation 1/);
  t.match(why({ document: null }), /no spec/);
  t.match(why({}, item({}, { epoch: 4 })), /epoch 4, and ours is 3/);
  t.match(why({}, item({ state: 'removing' })), /is removing it/);
  t.equal(mismatchOf(keepsake, address, hostId), null);
});

t.test('a sandbox is plugged as it was, and goes when nobody lives in it', async (t) => {
  const sandboxes = createDecider(charts.sandbox);
  const port = {
    portId: 'p',
    network: { networkId: 'n1', subnet: '10.64.0.0/24', gateway: '10.64.0.1', mtu: 1500 },
    mac: '02:00:00:00:00:01',
    address: '10.64.0.9',
    interfaceName: 'eth0',
  };
  const kept = {
    id: 's1', tenant, hostId, hostname: null, networks: [{ networkId: 'n1', isDefault: true, fixedAddress: null }],
    published: [], pool: { id: 'h1.n1', ceiling: 8, windowMs: 1 }, ports: [port], portsAsked: 1,
    deadlines: { allocateMs: 1, makeMs: 1, removeMs: 1, idleMs: 1 },
  } as unknown as SandboxContext; // prettier-ignore
  const at = (claimedBy: string | null) =>
    sandboxes.paths(sandboxes.initial(sandboxInputOf(kept, claimedBy)).snapshot);
  t.same(at(containerId), ['making.attempting']);
  t.same(at(null), ['draining.attempting']);
});

t.test('a capsule comes back with its sandbox’s keepsake, and with it who is not on the host', async (t) => {
  const capsules = createDecider(charts.capsule);
  const capsule = capsuleAddress(tenant, 'pod');
  const kept = {
    ...(capsules.initial(capsuleInput).snapshot.context as CapsuleContext),
    hostId,
    hostname: 'one',
    sandboxId: 's1',
    sandboxesAsked: 1,
  };
  const waiting = decider.initial(memberInput).snapshot.context as ContainerContext;
  const known: Readonly<Record<Address, unknown>> = {
    [capsule]: kept,
    [containerAddress(tenant, 'c1')]: { ...waiting, id: 'c1' },
  };
  const sandbox = { id: 's1', tenant, hostId, isOfCapsule: true, claimedBy: 'pod' };
  const keepsakes = createKeepsakes(
    createSealer([Buffer.alloc(32, 1)]),
    charts,
    { document: () => ({ generation: 1, body: 'the spec' }) },
    (each) => known[each] ?? null,
  );
  const opened = keepsakes.open(keepsakes.of(sandboxAddress(tenant, 's1'), sandbox, 'makeSandbox'));
  if ('problem' in opened) return t.fail(opened.problem);
  t.match(
    opened.others.map(({ address: each, document }) => [each, document]),
    [
      [capsule, 'the spec'],
      [containerAddress(tenant, 'c1'), 'the spec'],
    ],
    'whoever has an actor',
  );
  t.equal(mismatchOf(opened.others[0]!, capsule, hostId), null);
  const one = { ...waiting, id: 'c1', capsuleId: 'pod' };
  const kind = keepsakes.open(keepsakes.of(containerAddress(tenant, 'c1'), one, 'createContainer'));
  t.match(
    kind,
    { others: [{ address: capsule, document: 'the spec' }] },
    'or with a member’s, should that be gone',
  );
  const alone = keepsakes.open(keepsakes.of(address, { ...one, capsuleId: null }, 'createContainer'));
  t.match(alone, { others: [] });

  const input = capsuleInputOf(kept, foundCapsule(kept, finder));
  t.match(capsules.initial(input).snapshot.context, { hostId, sandboxId: 's1', sandboxesAsked: 1 });
  const absent = decider.initial(containerInputOf(waiting, null));
  t.same(decider.paths(absent.snapshot), ['joining'], 'who is not there waits for its turn');

  const itsItem = item({}, { sandboxId: 's1' });
  const member = { ...waiting, hostId, sandboxId: 's1' };
  const there = decider.initial(
    containerInputOf(member, foundContainer(member, itsItem, desired(true), finder)),
  );
  t.same(decider.paths(there.snapshot), ['running.up']);
  t.same(
    there.emitted.flatMap((each) => (each.type === 'message' ? [`${each.event.type} ${each.to}`] : [])),
    [`sandbox.claim ${capsule}`, `volume.attach volume/${tenant}/v1`, `member.became ${capsule}`],
    'place, quota and sandbox are its capsule’s',
  );
  t.same(sandboxInputOf(sandbox as unknown as SandboxContext, 'pod').isOfCapsule, true);
});

t.test('a host gives back what it was given, and can make nothing up', async (t) => {
  const specs = { document: () => ({ generation: 3, body: 'the spec' }) };
  const sealer = createSealer([Buffer.alloc(32, 1)]);
  const keepsakes = createKeepsakes(sealer, charts, specs, () => null);
  const resizing = {
    ...context,
    resize: { to: { ...context.amounts, memoryMib: 256 }, generation: 2, granted: true },
  };
  const sealed = keepsakes.of(address, resizing, 'startContainer');
  t.notMatch(sealed, /the spec|memoryMib/);
  t.match(keepsakes.open(sealed), {
    address,
    document: 'the spec',
    context: { id: containerId, amounts: { memoryMib: 256 }, resize: null, observation: null },
  });
  const flipped = Buffer.from(sealed, 'base64');
  flipped[40]! ^= 1;
  t.match(keepsakes.open(flipped.toString('base64')), { problem: /can't be read here/ });
  const another = createKeepsakes(createSealer([Buffer.alloc(32, 2)]), charts, specs, () => null);
  t.match(another.open(sealed), { problem: /can't be read here/ }, 'nor can another site');
  const newer = createKeepsakes(
    sealer,
    { ...charts, container: { ...charts.container, version: 99 } },
    specs,
    () => null,
  );
  t.match(keepsakes.open(newer.of(address, context, 'startContainer')), { problem: /chart version 99/ });
});
