/** `/v1/quotas` and `/v1/quota_classes`: on the wire, and what they do to creates. @see zun-api 2.12 */
import t from 'tap';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';

const site0 = { containers: 40, memory: 51_200, disk: 100, cpu: 20 };
const over = (...resources: string[]) => ({
  status: 403,
  code: 'container.over-quota',
  title: `Quota exceeded for resources: [${resources.map((each) => `'${each}'`).join(', ')}]`,
});

const asking =
  (site: ApiSite) =>
  (method: string, path: string, body?: unknown, as: User = 'root', version: number | null = 40) =>
    site.call(method, `/v1/${path}`, { as, version, ...(body === undefined ? {} : { body }) });

t.test('limits of a project: shown, changed by part, and taken back to the site’s', async (t) => {
  const site = await createApiSite(t);
  const ask = asking(site);
  t.same(Object.entries((await ask('GET', 'quotas/p1')).json), Object.entries(site0), 'in Zun’s order');
  t.same((await ask('PUT', 'quotas/p1', { containers: 3, memory: '2048', cpu: -1 })).json, {
    ...site0,
    containers: 3,
    memory: 2048,
    cpu: -1,
  });
  const changed = { containers: 3, memory: 2048, disk: 7, cpu: -1 };
  t.same((await ask('PUT', 'quotas/p1?disk=7')).json, changed, 'by the query, too; what is left out stays');
  t.same((await ask('PUT', 'quotas/p1', {})).json, changed);
  t.same((await ask('GET', 'quotas/p1/defaults')).json, site0);
  t.match((await ask('GET', 'tenants/p1')).json, { limits: changed }, 'the tenant says the same');
  t.match((await ask('PATCH', 'tenants/p1', { limits: { cpu: 1.5, containers: null } })).json, {
    limits: { ...changed, cpu: 1.5, containers: 40 },
  });
  t.match((await ask('GET', 'quotas/p1')).json, { cpu: 1.5, containers: 40, memory: 2048 });
  await site.restart();
  t.match((await ask('GET', 'quotas/p1')).json, { cpu: 1.5, containers: 40, memory: 2048 }, 'durable');

  const gone = await ask('DELETE', 'quotas/p1');
  t.match(gone, { status: 200, text: 'null', headers: { 'content-type': /^application\/json/ } });
  t.same((await ask('GET', 'quotas/p1')).json, site0);
  t.same((await ask('GET', 'quotas/p1', undefined, 'ann', null)).json, site0, 'in every microversion');
  t.same((await site.call('GET', '/quotas/p1')).json, site0, 'and on Zun’s paths without a version');
  t.same((await ask('GET', 'quotas/nobody')).json, site0, 'also of a project that has nothing yet');
});

t.test('what is used of them', async (t) => {
  const site = await createApiSite(t);
  const ask = asking(site);
  const usages = async (query: string) =>
    (await ask('GET', `quotas/p1?usages=${query}`, undefined, 'ann')).json;
  const { uuid } = await site.create({ cpu: 1.5, memory: 128, disk: 2 });
  await site.reach(uuid, 'Created');
  await ask('PUT', 'quotas/p1', { cpu: 0 });
  for (const query of ['True', '1', 'False'])
    t.same(
      await usages(query),
      {
        containers: { limit: 40, in_use: 1 },
        memory: { limit: 51_200, in_use: 128 },
        disk: { limit: 100, in_use: 2 },
        cpu: { limit: 0, in_use: 1.5 },
      },
      `${query}: anything asks for them, as in Zun; a limit below what is used is shown`,
    );
  t.match(await usages(''), { containers: 40 });
  t.match(
    (await site.call('POST', '/v1/containers', { body: { image: 'busybox', cpu: 0.1 } })).error,
    over('cpu'),
  );
  t.equal(
    (await site.call('POST', '/v1/containers', { body: { image: 'busybox' } })).status,
    202,
    'without CPUs there is none to exceed',
  );
  await site.call('DELETE', `/v1/containers/${uuid}`);
  await site.gone(uuid);
});

t.test('a resize counts, and only what grows', async (t) => {
  const site = await createApiSite(t);
  const ask = asking(site);
  const { uuid } = await site.create({ cpu: 1, memory: 256 });
  await site.reach(uuid, 'Created');
  await ask('PUT', 'quotas/p1', { memory: 200, cpu: 2 });
  const resize = (body: Json) => site.call('PATCH', `/v1/containers/${uuid}`, { body });
  t.match((await resize({ memory: 300 })).error, over('memory'));
  t.equal((await resize({ memory: 220, cpu: 2 })).status, 200, 'less is less, though still above the limit');
  t.match((await ask('GET', 'quotas/p1?usages=1')).json, {
    cpu: { limit: 2, in_use: 2 },
  });
});

t.test('many at once get what there is, and not one more', async (t) => {
  const site = await createApiSite(t);
  const ask = asking(site);
  await ask('PUT', 'quotas/p1', { containers: 5, memory: 640 });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      site.call('POST', '/v1/containers', {
        as: at % 2 ? 'ann' : 'amy',
        body: { image: 'busybox', memory: 128 },
      }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  t.equal(statuses.filter((status) => status === 202).length, 5);
  t.equal(statuses.filter((status) => status === 403).length, 35);
  t.match(answers.find(({ status }) => status === 403)!.error, over('containers', 'memory'));
  t.equal((await site.call('POST', '/v1/containers', { as: 'bob', body: { image: 'busybox' } })).status, 202);
  t.match((await ask('GET', 'quotas/p1?usages=1')).json, {
    containers: { limit: 5, in_use: 5 },
    memory: { in_use: 640 },
  });
});

t.test('limits that are set at once are all set', async (t) => {
  const site = await createApiSite(t);
  const ask = asking(site);
  await Promise.all([
    ask('PUT', 'quotas/p1', { containers: 1 }),
    ask('PUT', 'quotas/p1', { memory: 2 }),
    ask('PUT', 'quotas/p1', { disk: 3 }),
    ask('PATCH', 'tenants/p1', { limits: { cpu: 4 } }),
    ask('PUT', 'quota_classes/default', { containers: 9 }),
    ask('PUT', 'quota_classes/default', { memory: 9 }),
  ]);
  t.same((await ask('GET', 'quotas/p1')).json, { containers: 1, memory: 2, disk: 3, cpu: 4 });
  t.same((await ask('GET', 'quota_classes/default')).json, { ...site0, containers: 9, memory: 9 });
});

t.test('the class "default" is what a project has that was given nothing else', async (t) => {
  const site = await createApiSite(t, { settings: { 'quota.containers': '10' } });
  const ask = asking(site);
  await site.create({}, { as: 'bob' });
  await ask('PUT', 'quotas/p1', { memory: 77 });
  const configured = { ...site0, containers: 10 };
  t.same((await ask('GET', 'quota_classes/default')).json, configured);
  const changed = { ...configured, containers: 1, memory: -1 };
  t.same((await ask('PUT', 'quota_classes/default', { containers: '1', memory: -1 })).json, changed);
  for (const when of ['at once', 'after a restart']) {
    t.same((await ask('GET', 'quotas/p1')).json, { ...changed, memory: 77 }, `over it its own, ${when}`);
    t.same((await ask('GET', 'quotas/p2')).json, changed, when);
    t.same((await ask('GET', 'quotas/p3/defaults')).json, changed, when);
    t.same((await ask('GET', 'quotas/p3')).json, changed, `of a project that is not there yet, ${when}`);
    t.match(
      (await site.call('POST', '/v1/containers', { as: 'bob', body: { image: 'busybox' } })).error,
      over('containers'),
      `and it holds, ${when}`,
    );
    if (when === 'at once') await site.restart();
  }
  const { history } = (await site.call('GET', '/v1/tenants/p2/history', { as: 'root' })).json as {
    history: Json[];
  };
  t.match(
    history.find(({ event }) => (event as Json)['type'] === 'tenant.configured'),
    { cause: { kind: 'request', userId: 'admin' } },
    'its tenant was told, on behalf of who did it',
  );
  t.same(
    (await ask('PUT', 'quota_classes/gold', { cpu: 3 })).json,
    { ...configured, cpu: 3 },
    'others are kept',
  );
  t.same((await ask('GET', 'quotas/p2')).json, changed, 'and hold for nobody');
});

t.test('what is wrong with a limit is told with its field, value and rule, and nothing is set', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  const ask = asking(site);
  const rule = 'It must be an integer from 0 to 2147483647, or -1 for no limit';
  for (const path of ['quotas/p1', 'quota_classes/default'])
    for (const [field, value, shown] of [
      ['containers', -2, '-2'],
      ['containers', '-2', '-2'],
      ['containers', 1.5, '1.5'],
      ['cpu', 0.5, '0.5'],
      ['cpu', '0.5', '0.5'],
      ['memory', 'lots', 'lots'],
      ['memory', '', ''],
      ['memory', null, 'null'],
      ['memory', true, 'true'],
      ['disk', [1], '[1]'],
      ['disk', 2 ** 31, '2147483648'],
      ['disk', 1e300, '1e+300'],
    ] as const)
      t.match(
        (await ask('PUT', path, { containers: 3, [field]: value })).error,
        {
          status: 400,
          code: 'container.schema-validation-error',
          title: `Invalid input for field '${field}'. Value: '${shown}'. ${rule}`,
        },
        `${path} ${field} ${JSON.stringify(value)}`,
      );
  for (const path of ['quotas/p1', 'quota_classes/default'])
    t.match((await ask('PUT', path, { containers: 3, pods: 1 })).error, {
      status: 400,
      title:
        "Additional properties are not allowed ('pods' was unexpected). Known are: containers, memory, disk, cpu",
    });
  t.same((await ask('GET', 'quotas/p1')).json, site0);
  t.same((await ask('GET', 'quota_classes/default')).json, site0);
  for (const limits of [{ cpu: -0.5 }, { cpu: -1.5 }, { memory: 1.5 }, { cpu: '1.5' }, { cpu: 1e300 }])
    t.match((await ask('PATCH', 'tenants/p1', { limits })).error, {
      status: 400,
      title: /for field 'limits\./,
    });
  for (const [method, path] of [
    ['GET', 'quotas/p1?usage=1'],
    ['GET', 'quotas/p1/defaults?x=1'],
    ['DELETE', 'quotas/p1?x=1'],
    ['GET', 'quota_classes/default?x=1'],
  ] as const)
    t.match((await ask(method, path)).error, { status: 400, title: /Unknown parameters: / }, path);
  for (const id of ['p%2F1', 'p%201', 'x'.repeat(65), '%7Bp%7D'])
    for (const method of ['PUT', 'DELETE'])
      t.match(
        (await ask(method, `quotas/${id}`, {})).error,
        { status: 400, title: /is no project; its id has/ },
        id,
      );
  t.same((await ask('GET', 'tenants')).json, { tenants: [] }, 'none of it made a tenant');
});

t.test('who may', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  const ask = asking(site);
  const forbidden = (rule: string) => ({
    status: 403,
    code: 'container.policy-not-authorized',
    title: `Policy doesn't allow ${rule} to be performed.`,
  });
  for (const as of ['ann', 'ray'] as const) {
    t.equal((await ask('GET', 'quotas/p1', undefined, as)).status, 200);
    t.equal((await ask('GET', 'quotas/p1/defaults', undefined, as)).status, 200);
    for (const [method, path, rule] of [
      ['PUT', 'quotas/p1', 'quota:update'],
      ['DELETE', 'quotas/p1', 'quota:delete'],
      ['GET', 'quotas/p2', 'quota:get'],
      ['GET', 'quotas/p2/defaults', 'quota:get_default'],
      ['GET', 'quota_classes/default', 'quota_class:get'],
      ['PUT', 'quota_classes/default', 'quota_class:update'],
    ] as const)
      t.match(
        (await ask(method, path, method === 'PUT' ? { cpu: 1 } : undefined, as)).error,
        forbidden(rule),
      );
  }
});

t.test('a class that can’t be written is not in force', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  const ask = asking(site);
  const put = site.store.putSetting.bind(site.store);
  site.store.putSetting = () => Promise.reject(new Error('The disk is gone'));
  t.equal((await ask('PUT', 'quota_classes/default', { cpu: 1 })).status, 500);
  t.same((await ask('GET', 'quota_classes/default')).json, site0);
  site.store.putSetting = put;
  t.equal((await ask('PUT', 'quota_classes/default', { cpu: 1 })).status, 200, 'and the next is');
});
