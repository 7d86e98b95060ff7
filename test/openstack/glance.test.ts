/** Images of the real Glance on the real engine: whose they are, how often their bytes come, and what becomes of failures. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { until } from '../support/troupe.ts';
import { createCloud, type Person, type Project } from './cloud.ts';
import { createFaultProxy, type Fault } from './fault-proxy.ts';
import { asLayout, createGlanceCloud, dockerCommand, savedImage, type Listed } from './glance-cloud.ts';
import { createKeystoneSite, type Answer } from './keystone-site.ts';

t.setTimeout(300_000);
const cloud = await createCloud(t);
const glance = await createGlanceCloud(t, cloud);
const proxy = await createFaultProxy(t, glance.url);
const site = await createKeystoneSite(t, cloud, {}, { images: { commitsTo: 'glance' } });
const bootstrapped = await site.bootstrap();
if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
await cloud.copyServices(site.region, { image: proxy.url });

const member = async (name: string): Promise<{ project: Project; person: Person; token: string }> => {
  const [project, person] = [await cloud.project(name), await cloud.person(name)];
  await cloud.grant(person, project, 'member');
  return { project, person, token: await cloud.token(person, project) };
};
const [blue, red] = [await member('blue'), await member('red')];

// ── the site: control plane and agent as processes that can be killed ──

const startControl = async (...argv: readonly string[]) => {
  const control = site.site.start('up', '--control-plane-only', ...argv);
  await until(
    'the control plane',
    () => health(),
    (is) => is,
  );
  return control;
};
const health = async (): Promise<boolean> => {
  try {
    return (await fetch(`${site.url}/readyz`)).ok;
  } catch {
    return false;
  }
};
let control = await startControl();
const { out: joinToken } = await site.site.run('join-token');
const agentArguments = ['--set', `agent.controlUrl=ws://127.0.0.1:${site.site.port}`] as const;
let agent = site.site.start('agent', '--join', joinToken.trim().split('\n').at(-1)!, ...agentArguments);
t.teardown(async () => {
  for (const { child, ended } of [agent, control]) {
    child.kill();
    await ended;
  }
});

// ── what is asked of it ──

const create = (token: string, image: string, fields: object = {}): Promise<Answer> =>
  site.call('POST', '/v1/containers?run=true', token, {
    body: { image, image_driver: 'glance', command: ['sleep', '600'], ...fields },
  });
const show = async (uuid: unknown, token = blue.token) =>
  (await site.call('GET', `/v1/containers/${String(uuid)}`, token)).json;
const settled = (uuid: unknown, token = blue.token) =>
  until(
    'the container to run or fail',
    () => show(uuid, token),
    ({ status }) => status === 'Running' || status === 'Error',
  );
const running = async (image: string, token = blue.token) => {
  const made = await create(token, image);
  if (made.status !== 202) throw new Error(made.text);
  const uuid = made.json['uuid'] as string;
  const container = await settled(uuid, token);
  if (container['status'] !== 'Running') throw new Error(JSON.stringify(container));
  return uuid;
};
const read = async (uuid: string, path: string, token = blue.token): Promise<unknown> => {
  const query = new URLSearchParams({ command: `cat ${path}`, run: 'true', interactive: 'false' });
  return (await site.call('POST', `/v1/containers/${uuid}/execute?${query}`, token)).json['output'];
};
const remove = async (uuid: string, token = blue.token): Promise<void> => {
  await site.call('DELETE', `/v1/containers/${uuid}?stop=true&timeout=0`, token);
  await until(
    'its end',
    () => site.call('GET', `/v1/containers/${uuid}`, token),
    ({ status }) => status === 404,
  );
};
const engineName = ({ os_hash_value }: Pick<Listed, 'os_hash_value'>): string =>
  `troupe-glance/sha512:${os_hash_value}`;
const used = new Set<string>();
const forgetAt = async (image: Listed): Promise<void> => {
  await dockerCommand('rmi', '-f', engineName(image)).catch(() => {});
};
t.teardown(async () => {
  for (const name of used) await dockerCommand('rmi', '-f', name).catch(() => {});
});
const uploaded = async (
  fields: Readonly<Record<string, unknown>>,
  bytes: Buffer | null,
  token = blue.token,
) => {
  const image = await glance.upload(token, fields, bytes);
  if (bytes) used.add(engineName(image));
  return image;
};
const fetches = (id: string): number =>
  proxy.seen.filter(({ method, path }) => method === 'GET' && path.endsWith(`/images/${id}/file`)).length;
const adminToken = async (): Promise<string> => {
  const { person, project } = await adminOnce;
  return cloud.token(person, project);
};
const adminOnce = (async () => {
  const [project, person] = [await cloud.project('ops'), await cloud.person('ops')];
  await cloud.grant(person, project, 'admin');
  return { project, person };
})();
const audit = async (): Promise<unknown> =>
  (await site.call('GET', '/v1/audit', await adminToken())).json['audit'];
const why = async (uuid: string): Promise<string> => {
  const { json } = await site.call('GET', `/v1/containers/${uuid}/lifecycle`, blue.token);
  return JSON.stringify(json);
};

await until(
  'the host',
  async () => (await site.call('GET', '/v1/hosts', await adminToken())).json['hosts'] as unknown[],
  (hosts) => hosts.length === 1,
);
const folder = site.site.directory;
const privateTar = await savedImage(folder, 'of blue', 8);
const own = await uploaded({ name: 'web' }, privateTar);

t.test(
  'a project’s own image runs by its name; another’s is refused exactly as one that is not there',
  async (t) => {
    const uuid = await running('web');
    t.match(await show(uuid), { image: 'web', image_driver: 'glance', status: 'Running' });
    t.equal(await read(uuid, '/mark'), 'of blue');
    t.equal(fetches(own.id), 1);
    const words = async (token: string, image: string) => {
      const { status, text } = await create(token, image);
      return { status, text: text.replaceAll(image, 'X').replace(/req-[0-9a-f-]+/g, 'R') };
    };
    const unknown = await words(red.token, 'aaaaaaaa-0000-4000-8000-000000000000');
    t.match(unknown, { status: 400, text: /could not be found in Glance/ });
    t.same(await words(red.token, own.id), unknown);
    t.same(await words(red.token, 'web'), unknown);
    t.match(
      await create(red.token, engineName(own), { image_driver: 'docker' }),
      { status: 400 },
      'nor by its name there',
    );
    t.equal(fetches(own.id), 1, 'nothing was asked for it');
    await remove(uuid);
  },
);

t.test('the same bytes are sent to a host once, whoever waits for them', async (t) => {
  const again = await running(own.id);
  t.equal(fetches(own.id), 1, 'they are there');
  await remove(again);
  const other = await uploaded(
    { name: 'other', visibility: 'community' },
    await savedImage(folder, 'other', 8),
  );
  const both = await Promise.all([running(other.id), running(other.id, red.token)]);
  t.equal(fetches(other.id), 1, 'one fetch for two that asked at once, and of two projects');
  await Promise.all([remove(both[0]), remove(both[1], red.token)]);
});

t.test('an OCI layout runs, too, and what gzip has made of it', async (t) => {
  const tar = await asLayout(await savedImage(folder, 'layout'));
  const layout = await uploaded({ name: 'layout' }, gzipSync(tar));
  const uuid = await running('layout');
  t.equal(await read(uuid, '/mark'), 'layout');
  await remove(uuid);
  t.equal(fetches(layout.id), 1);
});

t.test('what is no image of a container, or not ready, is refused in words', async (t) => {
  await uploaded({ name: 'machine', container_format: 'bare' }, Buffer.from('a disk'));
  await uploaded({ name: 'empty' }, null);
  t.match(await create(blue.token, 'machine'), { status: 400, text: /no image of a container.*\\"bare\\"/ });
  t.match(await create(blue.token, 'empty'), { status: 400, text: /is \\"queued\\", not active/ });
  const junk = await uploaded({ name: 'junk' }, Buffer.from('no tar at all'));
  const { json } = await create(blue.token, 'junk');
  t.match(await settled(json['uuid']), { status: 'Error', status_reason: /can't be used: it is n/ });
  t.equal(fetches(junk.id), 1, 'it is not asked for again');
  await remove(json['uuid'] as string);
});

t.test('search shows what the caller may see there', async (t) => {
  const search = (token: string, query = '') =>
    site.call('GET', `/v1/images/web/search?image_driver=glance${query}`, token);
  t.match((await search(blue.token, '&exact_match=true')).json, [
    { id: own.id, name: 'web', status: 'active' },
  ]);
  t.same((await search(red.token)).json, []);
});

t.test('a commit is Glance’s, the project’s own, and runs from there with what was in it', async (t) => {
  const uuid = await running('web');
  await site.call(
    'POST',
    `/v1/containers/${uuid}/execute?${new URLSearchParams({ command: 'sh -c "echo kept >/kept"', run: 'true' })}`,
    blue.token,
  );
  const committed = await site.call(
    'POST',
    `/v1/containers/${uuid}/commit?repository=team/web&tag=v2`,
    blue.token,
  );
  t.equal(committed.status, 202);
  const id = committed.json['uuid'] as string;
  const image = await until(
    'the image',
    () => glance.show(blue.token, id),
    (each) => each?.status === 'active',
  );
  t.match(image, {
    name: 'team/web',
    tags: ['v2'],
    owner: blue.project.id,
    container_format: 'docker',
    visibility: 'private',
  });
  used.add(engineName(image!));
  t.equal(await glance.show(red.token, id), null);
  await until(
    'the end of its actor',
    () => site.call('GET', `/v1/images/${id}`, blue.token),
    ({ status }) => status === 404,
  );
  const here = await running('team/web:v2');
  t.equal(await read(here, '/kept'), 'kept\n');
  t.equal(fetches(id), 0, 'its host has it already');
  await remove(here);
  await remove(uuid);
  await forgetAt(image!);
  const there = await running(id);
  t.equal(await read(there, '/kept'), 'kept\n');
  t.equal(fetches(id), 1);
  await remove(there);
  await glance.remove(blue.token, id);
  t.same(await audit(), []);
});

t.test('bytes that are not what they should be never run', async (t) => {
  const spoilt = await uploaded({ name: 'spoilt' }, await savedImage(folder, 'spoilt', 1));
  proxy.onlyAt = /GET .*\/file$/;
  proxy.fault = 'corrupt';
  const { json } = await create(blue.token, 'spoilt');
  const { status, status_reason: reason } = await settled(json['uuid']);
  proxy.fault = null;
  t.equal(status, 'Error');
  t.match(
    reason,
    /can't be used: the \d+ bytes that came have the sha512 [0-9a-f]+; nothing of them is kept/,
  );
  await t.rejects(dockerCommand('image', 'inspect', engineName(spoilt)));
  await remove(json['uuid'] as string);
});

t.test('Glance fails a request: 4xx or 503 with words, and nothing is made', async (t) => {
  const faults: readonly (readonly [Fault, number, RegExp])[] = [
    [401, 403, /does not take the caller’s token/],
    [403, 403, /does not list images \(403\)/],
    [404, 503, /does not list images \(404\)/],
    [413, 403, /larger than Glance takes/],
    [429, 503, /Glance at .* answers with 429/],
    [500, 503, /answers with 500/],
    [503, 503, /answers with 503/],
    ['hang', 503, /has not answered within 2000 ms/],
    ['page', 503, /something that isn't JSON/],
    ['nonsense', 503, /something that is no list of images/],
    ['cut', 503, /can't be reached/],
  ];
  proxy.onlyAt = /^GET \/v2\/images\?/;
  for (const [fault, status, words] of faults) {
    proxy.fault = fault;
    const answer = await create(blue.token, 'web');
    proxy.fault = null;
    t.match(answer, { status, text: words }, `${fault}`);
    t.equal(
      (await site.call('GET', '/v1/images/web/search?image_driver=glance&exact_match=1', blue.token)).status,
      200,
    );
  }
});

t.test(
  'Glance fails the bytes: what may pass is tried again until it runs, what may not is told',
  async (t) => {
    const image = await uploaded({ name: 'faulty' }, await savedImage(folder, 'faulty', 1));
    const passing: readonly (readonly [Fault, RegExp])[] = [
      [503, /answers with 503/],
      ['hang', /has not answered within 2000 ms/],
      ['half', /broke off after \d+ bytes/],
      [401, /does not take the token/],
    ];
    proxy.onlyAt = /GET .*\/file$/;
    for (const [fault, words] of passing) {
      proxy.fault = fault;
      const uuid = (await create(blue.token, image.id)).json['uuid'] as string;
      await until(
        `the words of ${fault}`,
        () => why(uuid),
        (text) => words.test(text),
      );
      proxy.fault = null;
      t.match(await settled(uuid), { status: 'Running' }, `${fault}`);
      await remove(uuid);
      await forgetAt(image);
    }
    for (const [fault, words] of [
      [404, /could not be found in Glance/],
      [403, /does not give image .* \(403\)/],
      [413, /larger than Glance takes/],
    ] as const) {
      proxy.fault = fault;
      const uuid = (await create(blue.token, image.id)).json['uuid'] as string;
      if (fault === 403) {
        // It may be the configuration's fault, which somebody mends.
        await until(
          `the words of ${fault}`,
          () => why(uuid),
          (text) => words.test(text),
        );
      } else t.match(await settled(uuid), { status: 'Error', status_reason: words }, `${fault}`);
      proxy.fault = null;
      await remove(uuid);
    }
    t.same(await audit(), []);
  },
);

t.test('a commit that Glance does not take leaves nothing behind, here or there', async (t) => {
  const uuid = await running('web');
  proxy.onlyAt = /^PUT .*\/file$/;
  const commit = async (): Promise<string> => {
    const { json } = await site.call('POST', `/v1/containers/${uuid}/commit?repository=never`, blue.token);
    return json['uuid'] as string;
  };
  const image = async (id: string) => (await site.call('GET', `/v1/images/${id}`, await adminToken())).json;
  proxy.fault = 413;
  const refused = await commit();
  const failed = await until(
    'its failure',
    () => image(refused),
    ({ status }) => status === 'error',
  );
  proxy.fault = null;
  t.match(failed['status_reason'], /does not take image .* \(413\).*larger than Glance takes/);
  t.equal(await glance.show(blue.token, refused), null);
  t.same(await audit(), []);
  await site.call('DELETE', `/v1/images/${refused}`, await adminToken());
  proxy.fault = 503;
  const late = await commit();
  await until(
    'its words',
    () => image(late),
    ({ status_reason }) => /answers with 503/.test(String(status_reason)),
  );
  proxy.fault = null;
  const whole = await until(
    'the image',
    () => glance.show(blue.token, late),
    (each) => each?.status === 'active',
  );
  used.add(engineName(whole!));
  t.equal((await glance.list(blue.token, 'name=never')).length, 1);
  await glance.remove(blue.token, late);
  await remove(uuid);
});

t.test('agent and control plane are killed while the bytes come: it runs all the same', async (t) => {
  const image = await uploaded({ name: 'killed' }, await savedImage(folder, 'killed', 4));
  proxy.onlyAt = /GET .*\/file$/;
  const half = async (): Promise<string> => {
    proxy.fault = 'stall';
    const before = fetches(image.id);
    const uuid = (await create(blue.token, image.id)).json['uuid'] as string;
    await until(
      'the bytes',
      () => why(uuid),
      (text) => /MiB are on their way/.test(text),
    );
    t.equal(fetches(image.id), before + 1);
    return uuid;
  };
  const first = await half();
  agent.child.kill('SIGKILL');
  await agent.ended;
  proxy.fault = null;
  agent = site.site.start('agent', ...agentArguments);
  t.match(await settled(first), { status: 'Running' }, 'after its agent');
  await remove(first);
  await forgetAt(image);
  const second = await half();
  control.child.kill('SIGKILL');
  await control.ended;
  proxy.fault = null;
  control = await startControl();
  t.match(await settled(second), { status: 'Running' }, 'after its control plane');
  t.equal(await read(second, '/mark'), 'killed');
  await remove(second);
  proxy.goOn();
  t.same(await audit(), []);
});

t.test(
  'agent and control plane are killed while an image goes there: it is there once, and whole',
  async (t) => {
    const uuid = await running('web');
    proxy.onlyAt = /^PUT .*\/file$/;
    const half = async (): Promise<string> => {
      proxy.fault = 'stall';
      const { json } = await site.call('POST', `/v1/containers/${uuid}/commit?repository=cut`, blue.token);
      const id = json['uuid'] as string;
      await until(
        'its first bytes',
        () => glance.show(blue.token, id),
        (image) => image?.status === 'saving',
      );
      return id;
    };
    const whole = async (id: string): Promise<void> => {
      const image = await until(
        'the image',
        () => glance.show(blue.token, id),
        (each) => each?.status === 'active',
      );
      used.add(engineName(image!));
      t.equal((await glance.list(blue.token, 'name=cut')).length, 1);
      await until(
        'the end of its actor',
        () => site.call('GET', `/v1/images/${id}`, blue.token),
        ({ status }) => status === 404,
      );
      t.same(await audit(), []);
      await glance.remove(blue.token, id);
    };
    const first = await half();
    agent.child.kill('SIGKILL');
    await agent.ended;
    proxy.fault = null;
    agent = site.site.start('agent', ...agentArguments);
    await whole(first);
    const second = await half();
    control.child.kill('SIGKILL');
    await control.ended;
    proxy.fault = null;
    control = await startControl();
    await whole(second);
    proxy.goOn();
    await remove(uuid);
  },
);

t.test(
  'in layers: only those that are not there go there, and only those that are not here come back',
  async (t) => {
    control.child.kill();
    await control.ended;
    control = await startControl('--set', 'images.commitsTo=layers', '--set', 'images.collectMs=1000');
    await until('the host', audit, (found) => JSON.stringify(found) === '[]');
    const uuid = await running('web');
    const commit = async (content: string): Promise<{ readonly image: Listed; readonly sent: number }> => {
      const write = { command: `sh -c "echo ${content} >/kept"`, run: 'true' };
      await site.call('POST', `/v1/containers/${uuid}/execute?${new URLSearchParams(write)}`, blue.token);
      const before = uploads();
      const { json } = await site.call('POST', `/v1/containers/${uuid}/commit?repository=lean`, blue.token);
      const image = await until(
        'the image',
        () => glance.show(blue.token, json['uuid'] as string),
        (each) => each?.status === 'active',
      );
      used.add(engineName(image!));
      return { image: image!, sent: uploads() - before };
    };
    const uploads = (): number => proxy.seen.filter(({ method }) => method === 'PUT').length;
    const first = await commit('one');
    t.equal(first.sent, 4, 'three layers, and the image that names them');
    const second = await commit('two');
    t.equal(second.sent, 2, 'its own layer alone');
    t.ok(Number(second.image['size']) < 64 * 1024, 'an image is no more than their names');
    await until(
      'their actors’ end',
      () =>
        Promise.all(
          [first, second].map(({ image }) => site.call('GET', `/v1/images/${image.id}`, blue.token)),
        ),
      (answers) => answers.every(({ status }) => status === 404),
    );
    await Promise.all([forgetAt(first.image), forgetAt(second.image)]);
    const before = proxy.seen.filter(({ path }) => path.endsWith('/file')).length;
    const again = await running(second.image.id);
    t.equal(await read(again, '/kept'), 'two\n');
    t.equal(await read(again, '/mark'), 'of blue');
    const came = proxy.seen.filter(({ path }) => path.endsWith('/file')).length - before;
    t.equal(came, 2, 'the engine has the layers that it shares with the image it was made of');
    t.match(await create(red.token, second.image.id), { status: 400 }, 'they are their project’s');
    await remove(again);
    t.same(await audit(), []);
    const layers = (): Promise<readonly Listed[]> => glance.list(blue.token, 'os_hidden=true');
    t.equal((await layers()).length, 4, 'what both have is there once');
    const looks = async (more: number): Promise<unknown> => {
      const count = () =>
        proxy.seen.filter(({ path }) =>
          /os_hidden=true.*troupe_world|troupe_world.*os_hidden=true/.test(path),
        ).length;
      const least = count() + more;
      return until(
        'looks for what is left',
        async () => count(),
        (now) => now >= least,
      );
    };
    await glance.remove(blue.token, first.image.id);
    await until('the end of the layer that only it had', layers, (left) => left.length === 3);
    proxy.onlyAt = /^PUT .*\/file$/;
    proxy.fault = 503;
    const { json } = await site.call('POST', `/v1/containers/${uuid}/commit?repository=lean`, blue.token);
    await until(
      'a commit that waits',
      () => site.call('GET', `/v1/images/${json['uuid'] as string}`, blue.token),
      ({ text }) => /answers with 503/.test(text),
    );
    await glance.remove(blue.token, second.image.id);
    await looks(4);
    t.ok(
      (await layers()).filter(({ status }) => status === 'active').length >= 3,
      'what a commit may count on stays',
    );
    proxy.fault = null;
    const third = await until(
      'the image',
      () => glance.show(blue.token, json['uuid'] as string),
      (each) => each?.status === 'active',
    );
    used.add(engineName(third!));
    await remove(uuid);
    await glance.remove(blue.token, third!.id);
    await until('the end of all layers', layers, (left) => left.length === 0);
    t.same(await audit(), []);
  },
);
