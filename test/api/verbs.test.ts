/** Start, stop and delete in every state: taken, queued, or refused with the state and what is allowed now. @see zun-api 2.6, 3.4 */
import t from 'tap';
import { createApiSite, type Json } from './site.ts';
import { created, inPath, running, states } from './states.ts';

const verbs = [
  { name: 'start', method: 'POST', path: '/start', type: 'container.start' },
  { name: 'stop', method: 'POST', path: '/stop', type: 'container.stop' },
  { name: 'reboot', method: 'POST', path: '/reboot', type: 'container.reboot' },
  { name: 'pause', method: 'POST', path: '/pause', type: 'container.pause' },
  { name: 'unpause', method: 'POST', path: '/unpause', type: 'container.unpause' },
  { name: 'kill', method: 'POST', path: '/kill', type: 'container.kill' },
  { name: 'rebuild', method: 'POST', path: '/rebuild', type: 'container.rebuild' },
  { name: 'delete', method: 'DELETE', path: '', type: 'container.delete', mode: 'ifStopped' },
  { name: 'delete_after_stop', method: 'DELETE', path: '?stop=True', type: 'container.delete', mode: 'stop' },
  { name: 'delete_force', method: 'DELETE', path: '?force=True', type: 'container.delete', mode: 'force' },
] as const;

for (const { path, status, answers, arrange } of states) {
  t.test(`${status} (${path})`, async (t) => {
    const site = await createApiSite(t);
    const stage = { site, host: site.hosts[0]! };
    const uuid = await arrange(stage);
    const lifecycle = async (as: 'ann' | 'root') =>
      (await site.call('GET', `/v1/containers/${uuid}/lifecycle`, { as })).json;
    const before = await lifecycle('root');
    t.match(before, { status });

    const allowed = (as: 'ann' | 'root') =>
      verbs
        .filter((_, at) => answers[at] !== '-' && (as === 'root' || verbs[at]!.name !== 'delete_force'))
        .map((verb) => ('mode' in verb ? { type: verb.type, mode: verb.mode } : { type: verb.type }));
    // Refusals change nothing, so they are all asked first.
    for (const [at, { name, method, path: end }] of verbs.entries()) {
      if (answers[at] !== '-') continue;
      for (const as of ['ann', 'root'] as const) {
        if (as === 'ann' && name === 'delete_force') continue;
        const answer = await site.call(method, `/v1/containers/${uuid}${end}`, { as });
        t.equal(answer.status, 409, `${name} is refused`);
        t.match(answer.error, { code: 'container.invalid-state-exception', status: 409, state: status });
        t.ok(
          answer.error.title.startsWith(`Cannot ${name} container ${uuid} in ${status} state: `),
          answer.error.title,
        );
        t.same(answer.error['allowed'], allowed(as), 'what is allowed now, to who asks');
        for (const { type } of allowed(as)) t.match(answer.error.title, type, 'in words, too');
      }
    }
    const { revision, ...rest } = await lifecycle('root');
    t.ok(Number(revision) >= Number(before['revision']));
    t.same(rest['statePaths'], before['statePaths'], 'nothing has moved');

    const answered = (before['allowedEvents'] as Json[]).map(({ answer }) => answer);
    t.same(
      answered,
      [...answers].map((each) => ({ '+': 'accepted', '~': 'queued', '-': 'refused' })[each]),
      'the lifecycle says the same',
    );
    const taken = verbs.findLastIndex((_, at) => at < 7 && answers[at] !== '-');
    if (taken >= 0) {
      const { method, path: end, name } = verbs[taken]!;
      const answer = await site.call(method, `/v1/containers/${uuid}${end}`);
      t.equal(answer.status, 202, `${name} is taken`);
      t.equal(answer.text, 'null');
      t.match(answer.headers['content-type'], /^application\/json/);
    }
    const deleted = await site.call('DELETE', `/v1/containers/${uuid}?stop=true`);
    t.equal(deleted.status, 204, 'delete is taken everywhere');
    t.equal(deleted.text, '');
    t.equal(deleted.headers['content-type'], undefined);
  });
}

t.test('what was asked for happens', async (t) => {
  const site = await createApiSite(t);
  const stage = { site, host: site.hosts[0]! };
  const uuid = await created(stage);
  const post = async (verb: string) => (await site.call('POST', `/v1/containers/${uuid}/${verb}`)).status;
  t.equal(await post('start'), 202);
  await site.reach(uuid, 'Running');
  t.equal(await post('stop?timeout=1'), 202);
  t.match(await site.reach(uuid, 'Stopped'), { exit_code: 143 });
  t.equal(await post('start'), 202);
  await site.reach(uuid, 'Running');
  t.equal((await site.call('DELETE', `/v1/containers/${uuid}?stop=true&timeout=1`)).status, 204);
  await site.gone(uuid);
  t.same([...stage.host.driver.containers.keys()], []);
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/start'],
    ['DELETE', ''],
    ['GET', '/logs'],
    ['GET', '/lifecycle'],
  ] as const)
    t.equal((await site.call(method, `/v1/containers/${uuid}${path}`)).status, 404, `${method} ${path}`);
  t.same((await site.call('GET', '/v1/containers')).json['containers'], []);
});

t.test('a stop that is queued while it starts is done; the last of start and stop wins', async (t) => {
  const site = await createApiSite(t);
  const host = site.hosts[0]!;
  const release = host.driver.hold('createContainer');
  const { uuid } = await site.create({}, { run: true });
  await inPath({ site, host }, uuid, 'creating');
  for (const verb of ['stop', 'start', 'stop'])
    t.equal((await site.call('POST', `/v1/containers/${uuid}/${verb}`)).status, 202);
  release();
  await site.reach(uuid, 'Stopped');
});

t.test('which delete, by whom, at which version', async (t) => {
  const site = await createApiSite(t);
  const stage = { site, host: site.hosts[0]! };
  const uuid = await running(stage);
  const remove = (query: string, as: 'ann' | 'bob' | 'root', version: number) =>
    site.call('DELETE', `/v1/containers/${uuid}${query}`, { as, version });
  const tooNew = (field: string, asked: number, since: number) => ({
    status: 400,
    code: 'container.invalid-param-in-version',
    title: `Invalid param ${field} because current request version is 1.${asked}. ${field} is only supported from version 1.${since}`,
  });
  t.match((await remove('?force=true', 'root', 6)).error, tooNew('force', 6, 7));
  t.match((await remove('?stop=true', 'ann', 11)).error, tooNew('stop', 11, 12));
  t.match((await remove('?force=true', 'ann', 7)).error, {
    status: 403,
    title: "Policy doesn't allow container:delete_force to be performed.",
  });
  t.equal((await remove('?force=true&stop=true', 'ann', 40)).status, 403);
  t.match((await remove('?all_projects=True', 'ann', 40)).error, {
    status: 403,
    title: "Policy doesn't allow container:delete_all_projects to be performed.",
  });
  t.equal((await remove('?force=1', 'bob', 40)).status, 404, 'who may not force is not told what is there');
  t.equal((await remove('?stop=1', 'bob', 40)).status, 404);
  for (const query of ['?forced=true', '?force=maybe', '?stop=2', '?timeout=-1'])
    t.equal((await remove(query, 'root', 40)).status, 400, query);
  t.match((await remove('', 'ann', 1)).error, { status: 409, state: 'Running' });
  t.match(
    (await remove('?force=False&stop=None&all_projects=False', 'ann', 1)).error,
    { status: 409 },
    'as the client sends it',
  );
  t.equal((await remove('?all_projects=True&force=True', 'root', 7)).status, 204);
  await site.gone(uuid);
  t.same(
    stage.host.driver.calls.filter((call) => call.startsWith('stopContainer')),
    [],
    'force does not stop it gently',
  );
});
