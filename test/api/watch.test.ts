/** `WS /v1/watch`: a snapshot, then every change, resumable. */
import fc from 'fast-check';
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createApiSite, type ApiSite } from './site.ts';
import { until } from './until.ts';
import { isSnapshot, type Frame, type Watcher } from './watcher.ts';

const toStatus = (uuid: string, status: string) => (frame: Frame) =>
  frame.type === 'change' && frame.id === uuid && frame['status'] === status;
const ended = (uuid: string) => (frame: Frame) => frame.id === uuid && frame['ended'] === true;
/** A container's life in as few changes as it takes. */
const liveOnce = async (site: ApiSite): Promise<string> => {
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  await site.call('DELETE', `/v1/containers/${uuid}?stop=true`);
  await site.gone(uuid);
  return uuid;
};
const said = (frames: readonly Frame[]): string[] =>
  frames
    .filter(({ type }) => type === 'change')
    .map(({ kind, id, revision }) => `${kind} ${id} ${String(revision)}`);

t.test('a snapshot of what is, then every change, with the request behind it', async (t) => {
  const site = await createApiSite(t);
  const first = await site.create({ name: 'first' });
  await site.reach(first.uuid, 'Created');
  const watcher = site.watch();
  const snapshot = await watcher.next(isSnapshot);
  t.match(watcher.frames[0], {
    type: 'hello',
    time: new Date(site.clock.now()).toISOString(),
    project_id: 'p1',
  });
  t.match(snapshot.items, [
    {
      kind: 'container',
      id: first.uuid,
      project_id: 'p1',
      status: 'Created',
      taskState: null,
      statePaths: ['created'],
    },
    { kind: 'tenant', id: 'p1', project_id: 'p1', status: 'active' },
  ]);
  t.equal(snapshot.items.length, 2);
  const { headers } = await site.call('POST', `/v1/containers/${first.uuid}/start`);
  const started = await watcher.next(toStatus(first.uuid, 'Running'));
  t.match(started, {
    kind: 'container',
    project_id: 'p1',
    event: 'xstate.done.actor.startContainer',
    from: ['starting.attempting'],
    to: ['running.up'],
    taskState: null,
    ended: false,
    requestId: headers['x-openstack-request-id'],
    at: site.clock.now(),
    position: /./,
  });
  for (const frame of watcher.frames) t.notOk('address' in frame, 'internal addresses stay inside');
  await site.call('DELETE', `/v1/containers/${first.uuid}?stop=true`);
  t.match(await watcher.next(ended(first.uuid)), { status: 'Deleted', to: ['deleted'] });
  const revisions = watcher.changes
    .filter(({ id }) => id === first.uuid)
    .map(({ revision }) => Number(revision));
  t.same(
    revisions,
    revisions.map((_, at) => revisions[0]! + at),
    'no revision is missing',
  );
});

t.test('filters', async (t) => {
  const site = await createApiSite(t);
  const [one, other] = [
    await site.create({}, { run: true }),
    await site.create({}, { run: true, as: 'bob' }),
  ];
  await site.reach(one.uuid, 'Running');
  await site.reach(other.uuid, 'Running');
  const items = async (wish: object, user: 'ann' | 'bob' | 'root') =>
    (await site.watch(wish as Record<string, unknown>, user).next(isSnapshot)).items
      .map(({ kind, id }) => `${String(kind)} ${String(id)}`)
      .sort();
  const host = site.controlPlane.hosts()[0]!.id;
  t.same(await items({}, 'ann'), [`container ${one.uuid}`, 'tenant p1']);
  t.same(await items({}, 'bob'), [`container ${other.uuid}`, 'tenant p2']);
  t.same(await items({ kinds: ['container'] }, 'ann'), [`container ${one.uuid}`]);
  t.same(await items({ kinds: ['host'] }, 'ann'), [], 'hosts are no tenant’s');
  t.same(await items({ id: one.uuid }, 'ann'), [`container ${one.uuid}`]);
  t.same(await items({ id: other.uuid }, 'ann'), []);
  t.same(
    await items({ all_projects: true }, 'root'),
    [`container ${one.uuid}`, `container ${other.uuid}`, `host ${host}`, 'tenant p1', 'tenant p2'].sort(),
  );
  t.same(
    await items({ all_projects: true, kinds: ['host', 'tenant'] }, 'root'),
    [`host ${host}`, 'tenant p1', 'tenant p2'].sort(),
  );
  t.same(await items({}, 'root'), [], 'an admin’s own project, unless all are asked for');

  const watchers = {
    mine: site.watch(),
    one: site.watch({ id: one.uuid }),
    tenants: site.watch({ kinds: ['tenant'] }),
    hosts: site.watch({ all_projects: true, kinds: ['host'] }, 'root'),
    all: site.watch({ all_projects: true }, 'root'),
    theirs: site.watch({}, 'bob'),
  };
  for (const watcher of Object.values(watchers)) await watcher.next(isSnapshot);
  const ids = [await liveOnce(site), one.uuid];
  await site.call('DELETE', `/v1/containers/${one.uuid}?stop=true`);
  await watchers.one.next(ended(one.uuid));
  await watchers.mine.next(ended(one.uuid));
  await until(() => said(watchers.hosts.frames).length >= 3 && watchers.tenants.changes.length >= 4);
  t.ok(watchers.mine.changes.every(({ project_id: project }) => project === 'p1'));
  t.same([...new Set(watchers.mine.changes.map(({ id }) => id))].sort(), [...ids, 'p1'].sort());
  t.same([...new Set(watchers.one.changes.map(({ id }) => id))], [one.uuid]);
  t.same([...new Set(watchers.tenants.changes.map(({ kind }) => kind))], ['tenant']);
  t.same(
    [...new Set(watchers.hosts.changes.map(({ kind, project_id: project }) => `${kind} ${project}`))],
    ['host null'],
  );
  t.same(watchers.theirs.changes, []);
  await until(
    () => watchers.all.changes.length === watchers.mine.changes.length + watchers.hosts.changes.length,
  );
  t.same(
    said(watchers.all.frames).sort(),
    [...said(watchers.mine.frames), ...said(watchers.hosts.frames)].sort(),
  );
});

t.test('who comes back with a position gets what was missed, no more, no less', async (t) => {
  const site = await createApiSite(t);
  const whole = site.watch();
  const watcher = site.watch();
  const snapshot = await watcher.next(isSnapshot);
  await whole.next(isSnapshot);
  const first = await liveOnce(site);
  await watcher.next(ended(first));
  await watcher.close();
  const second = await liveOnce(site);
  await whole.next(ended(second));
  // The last of all: its tenant has what it held back.
  await whole.next(({ kind }) => kind === 'tenant');

  for (const [from, missing] of [
    [snapshot.position, said(whole.frames)],
    [watcher.frames.at(-1)!.position, said(whole.frames).slice(said(watcher.frames).length)],
    [[watcher.frames.at(-1)!.position], said(whole.frames).slice(said(watcher.frames).length)],
  ] as const) {
    const resumed = site.watch({ from });
    await resumed.next(ended(second));
    await until(() => said(resumed.frames).length >= missing.length);
    t.same(said(resumed.frames), missing);
    t.notOk(resumed.frames.some(isSnapshot), 'all of it, so no snapshot');
    t.equal(resumed.frames[0]!.type, 'hello');
    await resumed.close();
  }
});

t.test('a position outlives the control plane', async (t) => {
  const site = await createApiSite(t);
  const watcher = site.watch();
  const all = site.watch({ all_projects: true }, 'root');
  await Promise.all([watcher.next(isSnapshot), all.next(isSnapshot)]);
  await liveOnce(site);
  await until(
    () => watcher.changes.at(-1)?.kind === 'tenant' && site.controlPlane.stats().mailboxDepth === 0,
  );
  const positions = new Map(
    all.frames
      .filter(({ position }) => position)
      .map((frame) => [frame.type === 'snapshot' ? 'snapshot' : frame.project_id, frame.position]),
  );
  const closes = [watcher.closed, all.closed];
  await site.restart();
  for (const closed of closes) t.match(await closed, { code: 1001, reason: 'The server is stopping' });
  const second = await liveOnce(site);
  for (const [wish, user] of [
    [{ from: watcher.frames.at(-1)!.position }, 'ann'],
    [{ all_projects: true, from: [...positions.values()] }, 'root'],
  ] as const) {
    const reads = site.store.streamReads;
    const resumed = site.watch(wish, user);
    await resumed.next(ended(second));
    t.notOk(resumed.frames.some(isSnapshot));
    const mine = resumed.changes.filter(({ id }) => id === second).map(({ revision }) => revision);
    t.same(
      mine,
      mine.map((_, at) => at + 1),
      'from its first change',
    );
    t.ok(site.store.streamReads > reads, 'from the store');
  }
});

t.test('a position that is none is refused, one of elsewhere is told anew', async (t) => {
  const site = await createApiSite(t);
  await liveOnce(site);
  for (const from of ['nonsense', 'e30', '7', '']) {
    const watcher = site.watch({ from });
    t.match(await watcher.closed, { code: 1008, reason: /is not a position of this stream/ }, from);
  }
  const other = await createApiSite(t);
  const { position } = await other.watch().next(isSnapshot);
  // Worlds are named by ids, which count alike here: another one begins otherwise.
  const foreign = Buffer.from(
    Buffer.from(position, 'base64url')
      .toString()
      .replace(/"w":"[^"]+"/, '"w":"ffffffff"'),
  ).toString('base64url');
  const { position: theirs } = await site.watch({}, 'bob').next(isSnapshot);
  for (const from of [foreign, theirs]) {
    const watcher = site.watch({ from });
    t.equal((await watcher.next(({ type }) => type !== 'hello')).type, 'snapshot', 'explicitly');
  }
  const admin = site.watch({ all_projects: true, from: position }, 'root');
  await admin.next(isSnapshot);
});

t.test('a reader too slow is dropped with its position, and the others miss nothing', async (t) => {
  const site = await createApiSite(t);
  const quick = site.watch({ kinds: ['container'] });
  const slow = site.watch({ kinds: ['container'] });
  await Promise.all([quick.next(isSnapshot), slow.next(isSnapshot)]);
  slow.socket.pause();
  const big = 'x'.repeat(400_000);
  for (let made = 0; !site.logged.some((line) => line.includes('a slow watcher is dropped')); made += 1) {
    site.hosts[0]!.driver.failNext('createContainer', new TroupeError('INVALID_SPEC', `${made} ${big}`));
    const { uuid } = await site.create();
    await site.reach(uuid, 'Error');
    await quick.next(toStatus(uuid, 'Error'));
    if (made >= 39) throw new Error('It is never dropped');
  }
  slow.socket.resume();
  const { code, reason } = await slow.closed;
  t.equal(code, 4429);
  t.equal(reason, slow.frames.at(-1)!.position, 'the last that it was told');
  const last = await site.create();
  await quick.next(toStatus(last.uuid, 'Created'));
  t.notOk(quick.frames.slice(2).some(isSnapshot));
  const resumed = site.watch({ kinds: ['container'], from: reason });
  await resumed.next(toStatus(last.uuid, 'Created'));
  t.same(
    [...said(slow.frames), ...said(resumed.frames)],
    said(quick.frames),
    'and comes back to all that it missed',
  );
});

t.test('a large snapshot makes nobody slow', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  for (let made = 0; made < 30; made += 1) {
    site.hosts[0]!.driver.failNext('createContainer', new TroupeError('INVALID_SPEC', 'x'.repeat(400_000)));
    await site.reach((await site.create()).uuid, 'Error');
  }
  const watcher = site.watch();
  await watcher.next(({ type }) => type === 'hello');
  watcher.socket.pause();
  site.hosts[0]!.driver.exit(uuid, 0);
  await site.reach(uuid, 'Stopped');
  await until(() => site.controlPlane.stats().mailboxDepth === 0);
  watcher.socket.resume();
  await watcher.next(toStatus(uuid, 'Stopped'));
  t.ok(watcher.frames.some(isSnapshot));
});

t.test('a socket that dies while it catches up leaves nothing behind', async (t) => {
  const site = await createApiSite(t);
  const watcher = site.watch();
  const { position } = await watcher.next(isSnapshot);
  await liveOnce(site);
  await watcher.close();
  await site.restart();
  const release = site.store.holdStreams();
  const dying = ['ann', 'amy'].map((user) => site.watch({ from: position, id: 'none' }, user as 'ann'));
  for (const each of dying) await each.next(({ type }) => type === 'hello');
  await until(() => site.controlPlane.stats().watchers === 2);
  for (const each of dying) each.socket.terminate();
  const living = site.watch();
  await living.next(isSnapshot);
  release();
  await until(() => site.controlPlane.stats().watchers === 1);
  await living.close();
  await until(() => site.controlPlane.stats().watchers === 0);
  t.pass('all are forgotten');
});

t.test('a store that is away when somebody comes back is said, not a broken position', async (t) => {
  const site = await createApiSite(t);
  const watcher = site.watch();
  const { position } = await watcher.next(isSnapshot);
  await liveOnce(site);
  await watcher.close();
  await site.restart();
  site.store.away = new TroupeError('STORE_UNAVAILABLE', 'The store is away; try again');
  t.match(await site.watch({ from: position }).closed, {
    code: 1013,
    reason: 'The store is away; try again',
  });
  site.store.away = new Error('secret internals');
  t.match(await site.watch({ from: position }).closed, {
    code: 1011,
    reason: 'The server failed; come back',
  });
  t.equal(site.controlPlane.stats().watchers, 0);
  site.store.away = null;
  await site.watch({ from: position }).next(({ type }) => type === 'change');
});

t.test('random lives in two projects: no watcher is told a word of the other', async (t) => {
  const site = await createApiSite(t);
  const watchers: readonly (readonly [Watcher, string])[] = [
    [site.watch(), 'p1'],
    [site.watch({ kinds: ['container'] }, 'amy'), 'p1'],
    [site.watch({}, 'bob'), 'p2'],
    [site.watch({ kinds: ['container', 'host', 'tenant'] }, 'bob'), 'p2'],
  ];
  for (const [watcher] of watchers) await watcher.next(isSnapshot);
  const owners = new Map<string, string>();
  const action = fc.record({
    user: fc.constantFrom('ann' as const, 'bob' as const),
    verb: fc.constantFrom('create', 'run', 'start', 'stop', 'delete', 'exit', 'foreign'),
    which: fc.nat(20),
  });
  for (const { user, verb, which } of fc.sample(action, { numRuns: 80, seed: 7 })) {
    const mine = [...owners].filter(([, owner]) => owner === user).map(([uuid]) => uuid);
    const theirs = [...owners].filter(([, owner]) => owner !== user).map(([uuid]) => uuid);
    const uuid = (verb === 'foreign' ? theirs : mine)[which % 20];
    if (verb === 'create' || verb === 'run') {
      const made = await site.call('POST', `/v1/containers?run=${verb === 'run'}`, {
        as: user,
        body: { image: 'busybox' },
      });
      if (made.status === 202) owners.set(String(made.json['uuid']), user);
    } else if (uuid !== undefined && verb === 'exit') {
      if (site.hosts[0]!.driver.containers.get(uuid)?.observation.state === 'running')
        site.hosts[0]!.driver.exit(uuid, 1);
    } else if (uuid !== undefined && verb === 'delete') {
      await site.call('DELETE', `/v1/containers/${uuid}?stop=true`, { as: user });
    } else if (uuid !== undefined) {
      await site.call('POST', `/v1/containers/${uuid}/${verb === 'foreign' ? 'stop' : verb}`, { as: user });
    }
  }
  await until(
    () => site.controlPlane.stats().mailboxDepth === 0 && site.controlPlane.stats().effectsInFlight === 0,
  );
  const last = [await site.create(), await site.create({}, { as: 'bob' })];
  for (const [watcher, project] of watchers) {
    await watcher.next(toStatus(last[project === 'p1' ? 0 : 1]!.uuid, 'Created'));
    const foreign = project === 'p1' ? 'p2' : 'p1';
    t.ok(watcher.changes.length > 30, `${watcher.changes.length} changes`);
    const text = JSON.stringify(watcher.frames);
    t.notOk(text.includes(`"${foreign}"`));
    for (const [uuid, owner] of owners)
      if ((owner === 'ann') !== (project === 'p1') && text.includes(uuid))
        t.fail(`${project} was told of ${uuid}`);
  }
});
