/** `POST /v1/containers`: each field's rule, the version it needs, who may give it, and what is answered. @see zun-api 2.2, 3.1 */
import t from 'tap';
import { containerView } from '../../src/api/zun/container-view.ts';
import type { Observation } from '../../src/model/container.ts';
import { createApiSite, type CallOptions, type Json } from './site.ts';

const site = await createApiSite(t, { settings: { 'quota.containers': '-1', 'quota.cpu': '-1', 'quota.memoryMib': '-1', 'quota.diskGib': '-1' } }); // prettier-ignore
const post = (body: Json, options: CallOptions = {}) =>
  site.call('POST', '/v1/containers', { ...options, body });

const long = (length: number): string => 'a'.repeat(length);

/** Field, bad value, the rule as told. Where the field told is a part of it, it stands fourth. */
const broken: readonly (readonly [string, unknown, RegExp, string?])[] = [
  ['image', null, /must be a string/],
  ['image', 7, /must be a string/],
  ['image', ['busybox'], /must be a string/],
  ['image', 'x', /2 to 255 characters/],
  ['image', long(256), /2 to 255 characters/],
  ['image', '??', /must match/],
  ['image', 'busy\0box', /NUL/],
  ['name', 'a', /2 to 255 characters/],
  ['name', '', /2 to 255 characters/],
  ['name', long(256), /2 to 255 characters/],
  ['name', '-web', /must match/],
  ['name', 'we b', /must match/],
  ['name', 'web\n', /must match/],
  ['name', 'wéb', /must match/],
  ['name', 12, /must be a string/],
  ['command', 'ls', /list of strings/],
  ['command', [1], /list of strings/],
  ['command', {}, /list of strings/],
  ['command', ['a\0'], /NUL/],
  ['entrypoint', 'sh', /list of strings/],
  ['cpu', 0.09, /between 0.1 and 16/],
  ['cpu', 16.1, /between 0.1 and 16/],
  ['cpu', '17', /between 0.1 and 16/],
  ['cpu', -1, /between 0.1 and 16/],
  ['cpu', 'two', /must be a number/],
  ['cpu', '', /must be a number/],
  ['cpu', '1e1', /must be a number/],
  ['cpu', true, /must be a number/],
  ['cpu_policy', 'mine', /shared or dedicated/],
  ['memory', 3, /between 4 and 8192/],
  ['memory', 8193, /between 4 and 8192/],
  ['memory', '3', /between 4 and 8192/],
  ['memory', 64.5, /must be an integer/],
  ['memory', '64m', /must be an integer/],
  ['memory', '', /must be an integer/],
  ['memory', [64], /must be an integer/],
  ['disk', 0, /between 1 and 160/],
  ['disk', 161, /between 1 and 160/],
  ['disk', 'big', /must be an integer/],
  ['workdir', 7, /must be a string/],
  ['workdir', 'tmp', /absolute path/],
  ['workdir', `/${long(4096)}`, /0 to 4096 characters/],
  ['labels', 'a=b', /must be an object/],
  ['labels', ['a'], /must be an object/],
  ['hints', 'near', /must be an object/],
  ['restart_policy', 'always', /must be an object/],
  ['restart_policy', {}, /one of no, always, on-failure, unless-stopped/, 'restart_policy.Name'],
  ['restart_policy', { Name: 'Always' }, /one of no, always/, 'restart_policy.Name'],
  ['restart_policy', { Name: 'no', Delay: 1 }, /Name, MaximumRetryCount only/],
  [
    'restart_policy',
    { Name: 'on-failure', MaximumRetryCount: -1 },
    /at least 0/,
    'restart_policy.MaximumRetryCount',
  ],
  [
    'restart_policy',
    { Name: 'on-failure', MaximumRetryCount: '' },
    /at least 0/,
    'restart_policy.MaximumRetryCount',
  ],
  [
    'restart_policy',
    { Name: 'on-failure', MaximumRetryCount: true },
    /at least 0/,
    'restart_policy.MaximumRetryCount',
  ],
  [
    'restart_policy',
    { Name: 'on-failure', MaximumRetryCount: [] },
    /at least 0/,
    'restart_policy.MaximumRetryCount',
  ],
  ['auto_remove', 'yes', /must be a boolean/],
  ['auto_remove', 1, /must be a boolean/],
  ['interactive', 'TRUE', /must be a boolean/],
  ['tty', 0, /must be a boolean/],
  ['auto_heal', 'on', /must be a boolean/],
  ['privileged', 'maybe', /must be a boolean/],
  ['image_driver', 'podman', /docker or glance/],
  ['image_pull_policy', 'sometimes', /never, always or ifnotpresent/],
  ['image_pull_policy', 7, /never, always or ifnotpresent/],
  ['security_groups', 'default', /must be a list/],
  ['exposed_ports', ['80'], /must be an object/],
  ['exposed_ports', '80', /must be an object/],
  ['nets', {}, /must be a list/],
  ['mounts', { size: 1 }, /must be a list/],
  ['runtime', '', /1 to 255 characters/],
  ['runtime', 7, /must be a string/],
  ['hostname', '', /1 to 255 characters/],
  ['hostname', long(256), /1 to 255 characters/],
  ['hostname', 'a_b c', /must match/],
  ['availability_zone', '', /1 to 255 characters/],
  ['healthcheck', 'true', /must be an object/],
  ['healthcheck', {}, /must be a command/, 'healthcheck.cmd'],
  ['healthcheck', { cmd: 7 }, /must be a command/, 'healthcheck.cmd'],
  ['healthcheck', { cmd: 'true', interval: -1 }, /at least 0/, 'healthcheck.interval'],
  ['healthcheck', { cmd: 'true', retries: 1.5 }, /at least 0/, 'healthcheck.retries'],
  ['healthcheck', { cmd: 'true', timeout: 'long' }, /at least 0/, 'healthcheck.timeout'],
  ['healthcheck', { cmd: 'true', period: 1 }, /cmd, interval, retries, timeout, .* only/],
  ['healthcheck', { cmd: 'true', interval: 86_401 }, /at most 86400/, 'healthcheck.interval'],
  ['healthcheck', { cmd: 'true', success_threshold: 0 }, /at least 1/, 'healthcheck.success_threshold'],
  ['healthcheck', { cmd: 'true', start_period: -1 }, /at least 0/, 'healthcheck.start_period'],
  ['healthcheck', { type: 'grpc', port: 80 }, /exec, http or tcp/, 'healthcheck.type'],
  ['healthcheck', { type: 'tcp' }, /needs the port/, 'healthcheck.port'],
  ['healthcheck', { type: 'http', port: 0 }, /at least 1 and at most 65535/, 'healthcheck.port'],
  ['healthcheck', { type: 'http', port: 80, path: 'well' }, /must begin with/, 'healthcheck.path'],
  ['healthcheck', { type: 'http', port: 80, path: '/a b' }, /none of them a blank/, 'healthcheck.path'],
  [
    'healthcheck',
    { type: 'http', port: 80, path: '/a\r\nHost: b' },
    /none of them a blank/,
    'healthcheck.path',
  ],
  [
    'healthcheck',
    { type: 'http', port: 80, expected_statuses: [] },
    /1 to 32 statuses/,
    'healthcheck.expected_statuses',
  ],
  [
    'healthcheck',
    { type: 'http', port: 80, expected_statuses: ['299-200'] },
    /100 to 599/,
    'healthcheck.expected_statuses',
  ],
  [
    'healthcheck',
    { type: 'http', port: 80, expected_statuses: [600] },
    /100 to 599/,
    'healthcheck.expected_statuses',
  ],
  [
    'healthcheck',
    { type: 'http', port: 80, expected_statuses: [[200]] },
    /100 to 599/,
    'healthcheck.expected_statuses',
  ],
  ['healthcheck', { type: 'http', port: 80, cmd: 'true' }, /of type http has port, path/, 'healthcheck.cmd'],
  ['healthcheck', { cmd: 'true', port: 80 }, /of type exec has cmd/, 'healthcheck.port'],
  ['healthcheck', { type: 'tcp', port: 80, path: '/' }, /of type tcp has port/, 'healthcheck.path'],
  ['registry', 'r', /2 to 255 characters/],
  ['registry', 7, /must be a string/],
  ['host', '', /1 to 255 characters/],
  ['host', 7, /must be a string/],
];

t.test('a field that breaks its rule is told with its name, its value and the rule', async (t) => {
  for (const [field, value, rule, named = field] of broken) {
    const { status, error } = await post({ image: 'busybox', [field]: value }, { as: 'root' });
    const what = `${field} = ${JSON.stringify(value).slice(0, 60)}`;
    t.equal(status, 400, what);
    t.match(error.title, rule, what);
    t.match(error.title, `Invalid input for field '${named}'. Value: '`, what);
    t.match(error, { code: 'container.schema-validation-error', detail: error.title, status: 400 });
    const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    if (named === field) t.ok(error.title.includes(`'${shown.slice(0, 200)}`), `${what}: the value`);
    t.ok(error.title.length < 600, 'and not all of a long one');
  }
  t.match((await post({})).error.title, "'image' is a required property");
});

t.test('labels that begin with "troupe." are refused by their name', async (t) => {
  for (const name of ['troupe.world', 'troupe.container-id', 'troupe.', '']) {
    const { status, error } = await post({ image: 'busybox', labels: { ok: '1', [name]: 'mine' } });
    t.equal(status, 400, name);
    t.match(error.title, `Invalid input for field 'labels'. Value: '${name}'`);
  }
  t.equal((await post({ image: 'busybox', labels: { trouper: '1', 'my.troupe.x': '2' } })).status, 202);
});

t.test('what is wrong with a variable is told without its value', async (t) => {
  for (const environment of [
    'PASSWORD=hunter2',
    ['hunter2'],
    { PASSWORD: ['hunter2'] },
    { PASSWORD: 'hunter2\0' },
    { PASSWORD: { a: 'hunter2' } },
  ]) {
    const { status, error, text } = await post({ image: 'busybox', environment }); // prettier-ignore
    t.equal(status, 400);
    t.match(error.title, /^Invalid input for field 'environment(\.PASSWORD)?'\. Value: '\*\*\*'\. It must/);
    t.notMatch(text, /hunter2/);
  }
  for (const name of ['', 'A=B', 'A\0']) {
    const { status, text } = await post({ image: 'busybox', environment: { [name]: 'hunter2' } });
    t.equal(status, 400);
    t.notMatch(text, /hunter2/);
  }
  t.notOk(
    site.logged.some((line) => line.includes('hunter2')),
    'nor is it logged',
  );
});

t.test('a field nobody knows is refused, whatever it is called', async (t) => {
  for (const field of [
    'cmd',
    'Image',
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'binds',
    'host_config',
    'x'.repeat(500),
  ]) {
    const { status, error } = await site.call('POST', '/v1/containers', {
      body: `{"image": "busybox", ${JSON.stringify(field)}: {}}`,
      headers: { 'content-type': 'application/json' },
    }); // prettier-ignore
    t.equal(status, 400, field);
    t.match(error.title, `Additional properties are not allowed ('${field.slice(0, 80)}' was unexpected)`);
    t.match(error.title, /Known are: name, image,/);
  }
  t.match((await site.call('POST', '/v1/containers?start=1', { body: { image: 'busybox' } })).error, {
    status: 400,
    title: /Unknown parameters: start\. Known are: run/,
  });
  t.match((await site.call('POST', '/v1/containers?run=perhaps', { body: { image: 'busybox' } })).error, {
    status: 400,
    title: /'run'. Value: 'perhaps'/,
  });
});

t.test('a field is refused below the version that has it, and taken from there on', async (t) => {
  const gates: readonly (readonly [string, unknown, number])[] = [
    ['auto_remove', false, 3],
    ['runtime', 'runc', 5],
    ['hostname', 'web', 9],
    ['privileged', false, 21],
    ['healthcheck', { cmd: 'true' }, 22],
    ['exposed_ports', {}, 24],
    ['mounts', [{ size: 1, destination: '/d' }], 11],
    ['registry', 'mine', 31],
  ];
  for (const [field, value, since] of gates) {
    const { status, error } = await post(
      { image: 'busybox', [field]: value },
      { as: 'root', version: since - 1 },
    );
    t.equal(status, 400, field);
    t.match(error, {
      code: 'container.invalid-param-in-version',
      title: `Invalid param ${field} because current request version is 1.${since - 1}. ${field} is only supported from version 1.${since}`,
    });
    const taken = await post({ image: 'busybox', [field]: value }, { as: 'root', version: since });
    t.not(taken.error.code, 'container.invalid-param-in-version', `${field} at 1.${since}`);
  }
  for (const [field, value, since] of [
    ['host', 'host1', 39],
    ['entrypoint', ['sh'], 40],
  ] as const) {
    const { status, error } = await post(
      { image: 'busybox', [field]: value },
      { as: 'root', version: since - 1 },
    );
    t.equal(status, 400);
    t.match(error.title, `Additional properties are not allowed ('${field}' was unexpected)`);
    t.equal((await post({ image: 'busybox', [field]: value }, { as: 'root', version: since })).status, 202);
  }
  for (const field of ['nets', 'mounts', 'command', 'security_groups'])
    t.equal((await post({ image: 'busybox', [field]: field === 'command' ? '' : [] }, { version: 1 })).status, 202, `empty ${field} at 1.1`); // prettier-ignore
});

t.test('what the client of the cloud always sends is taken', async (t) => {
  const { status, json } = await post({
    name: 'sent', image: 'busybox', environment: {}, labels: {}, auto_remove: false, command: [], hints: {}, nets: [], mounts: [],
    cpu: '0.5', memory: '512', disk: 2, security_groups: [], exposed_ports: {}, cpu_policy: 'shared', image_driver: 'docker',
    restart_policy: { Name: 'on-failure', MaximumRetryCount: '3' }, availability_zone: null, workdir: null,
  }); // prettier-ignore
  t.equal(status, 202);
  t.match(json, {
    cpu: 0.5,
    memory: '512',
    disk: 2,
    restart_policy: { Name: 'on-failure', MaximumRetryCount: '3' },
  });
});

t.test('some fields are for admins, one for nobody', async (t) => {
  for (const [field, value, rule] of [
    ['runtime', 'runc', 'container:create:runtime'],
    ['host', 'host1', 'container:create:requested_destination'],
    ['image_pull_policy', 'always', 'container:create:image_pull_policy'],
  ] as const) {
    const { status, error } = await post({ image: 'busybox', [field]: value });
    t.equal(status, 403, field);
    t.match(error, {
      code: 'container.policy-not-authorized',
      title: `Policy doesn't allow ${rule} to be performed.`,
    });
    t.equal((await post({ image: 'busybox', [field]: value }, { as: 'root' })).status, 202);
    t.equal((await post({ image: 'busybox', [field]: null })).status, 202, `${field}: null asks for nothing`);
  }
  for (const as of ['ann', 'root'] as const) {
    for (const privileged of [true, 'True'])
      t.match((await post({ image: 'busybox', privileged }, { as })).error, {
        status: 403,
        title: "Policy doesn't allow container:create:privileged to be performed.",
      });
  }
  t.match((await post({ image: 'busybox', host: 'nowhere' }, { as: 'root' })).error, {
    status: 404,
    code: 'container.requested-host-not-found',
    title: 'Requested host nowhere could not be found.',
  });
});

t.test('what this release cannot do is said, never ignored', async (t) => {
  for (const [field, value] of [['cpu_policy', 'dedicated']] as const) {
    const { status, error } = await post({ image: 'busybox', [field]: value });
    t.equal(status, 400, field);
    t.match(error, { code: 'container.invalid-value', title: /does not support/ });
    t.match(error.title, field);
  }
  t.match((await post({ image: 'busybox', image_driver: 'glance' })).error, {
    status: 400,
    title: /This site has no Glance/,
  });
  const grouped = await post({ image: 'busybox', security_groups: ['default'] });
  t.match(grouped, {
    status: 400,
    error: { title: /network\.driver is "local".* leave 'security_groups' out/ },
  });
  t.match(
    (await post({ image: 'busybox', auto_remove: true, restart_policy: { Name: 'always' } })).error.title,
    /exclude each other/,
  );
  t.match(
    (await post({ image: 'busybox', restart_policy: { Name: 'always', MaximumRetryCount: 1 } })).error,
    {
      code: 'container.invalid-value',
      title: 'maximum retry count not valid with restart policy of always',
    },
  );
});

t.test('below 1.20 a command is a line, from there on a list', async (t) => {
  const commandOf = async (command: unknown, version: number) =>
    (await post({ image: 'busybox', command }, { version })).json['command'];
  t.same(await commandOf('sh -c "echo \'hi there\'"', 19), ['sh', '-c', "echo 'hi there'"]);
  t.same(await commandOf('  ', 12), []);
  t.same(await commandOf(null, 12), []);
  t.same(await commandOf(['sh', '-c', 'a b'], 20), ['sh', '-c', 'a b']);
  t.same(await commandOf([], 40), []);
  for (const [command, version, rule] of [
    [['ls'], 19, /must be a string/],
    ['ls', 20, /list of strings/],
    ['sh -c "echo', 19, /quotation mark missing/],
  ] as const) {
    const { status, error } = await post({ image: 'busybox', command }, { version });
    t.equal(status, 400);
    t.match(error.title, rule);
  }
});

t.test('tty goes with interactive from 1.20 to 1.35, where interactive is given', async (t) => {
  for (const [version, body, tty] of [
    [19, { interactive: true }, false],
    [20, { interactive: true }, true],
    [35, { interactive: 'True', tty: false }, true],
    [35, { interactive: false, tty: true }, false],
    [35, { tty: true }, true],
    [36, { interactive: true }, false],
    [36, { interactive: true, tty: 'true' }, true],
  ] as const)
    t.match(
      (await post({ image: 'busybox', ...body }, { version })).json,
      { tty },
      `1.${version} ${JSON.stringify(body)}`,
    );
});

/** zun-api 3.1, in the order of the wire. */
const zunKeys = [
  'uuid', 'links', 'name', 'project_id', 'user_id', 'image', 'cpu', 'cpu_policy', 'memory', 'command', 'status', 'status_reason',
  'task_state', 'environment', 'workdir', 'auto_remove', 'ports', 'hostname', 'labels', 'addresses', 'image_pull_policy', 'host',
  'restart_policy', 'status_detail', 'interactive', 'tty', 'image_driver', 'security_groups', 'runtime', 'disk', 'auto_heal',
  'privileged', 'healthcheck', 'registry_id', 'entrypoint', 'created_at', 'updated_at',
]; // prettier-ignore
const adminsOnly = ['image_pull_policy', 'host', 'runtime', 'privileged'];

t.test('the answer is the container in Zun’s fields, in its order', async (t) => {
  const body = {
    name: 'web-1', image: 'registry.example:5000/team/busybox', command: ['sleep', '600'], entrypoint: ['/init'], cpu: 1.5, memory: 128,
    disk: 3, workdir: '/srv', environment: { A: '1' }, labels: { team: 'blue', tags: ['x', 'y'], n: 7 }, hints: { group: 'web', policy: 'anti-affinity' },
    restart_policy: { Name: 'no', MaximumRetryCount: 4 }, interactive: true, tty: true, hostname: 'web', auto_heal: true,
    availability_zone: 'nova', healthcheck: { cmd: 'true', interval: '5', retries: 2, timeout: 1 },
  }; // prettier-ignore
  const { status, json, headers } = await post(body, { headers: { host: 'cloud.example' } });
  t.equal(status, 202);
  const uuid = String(json['uuid']);
  t.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  t.equal(headers['location'], `http://cloud.example/v1/containers/${uuid}`);
  const shared = {
    uuid,
    links: [
      { href: `http://cloud.example/v1/containers/${uuid}`, rel: 'self' },
      { href: `http://cloud.example/containers/${uuid}`, rel: 'bookmark' },
    ],
    name: 'web-1',
    project_id: 'p1',
    user_id: 'ann',
    image: 'registry.example:5000/team/busybox',
    cpu: 1.5,
    cpu_policy: 'shared',
    memory: '128',
    command: ['sleep', '600'],
    status: 'Creating',
    task_state: null,
    environment: { A: '1' },
    workdir: '/srv',
    auto_remove: false,
    ports: [],
    hostname: 'web',
    labels: { team: 'blue', tags: '["x","y"]', n: '7' },
    addresses: {},
    restart_policy: { Name: 'no', MaximumRetryCount: '0' },
    status_detail: null,
    interactive: true,
    tty: true,
    image_driver: 'docker',
    security_groups: [],
    disk: 3,
    auto_heal: true,
    healthcheck: {
      test: 'true',
      interval: 5,
      retries: 2,
      timeout: 1,
      type: 'exec',
      start_period: 0,
      success_threshold: 1,
    },
    registry_id: null,
    entrypoint: ['/init'],
    created_at: '2026-01-01 00:00:00.000000',
    updated_at: '2026-01-01 00:00:00.000000',
  };
  const mine = zunKeys.filter((key) => !adminsOnly.includes(key));
  t.same(Object.keys(json).slice(0, mine.length), mine);
  const { status_reason: reason, ...rest } = Object.fromEntries(mine.map((key) => [key, json[key]]));
  t.same(rest, shared);
  t.match(reason, /host/, 'it says what it waits for');
  for (const key of adminsOnly) t.notOk(key in json, `${key} is not for its owner`);

  const { json: seen } = await site.call('GET', `/v1/containers/${uuid}`, {
    as: 'root',
    headers: { host: 'cloud.example' },
  });
  t.same(Object.keys(seen).slice(0, zunKeys.length), zunKeys, 'an admin sees all of Zun’s fields');
  t.match(seen, { image_pull_policy: 'ifnotpresent', runtime: null, privileged: false });
  t.match(
    seen,
    { hints: { group: 'web', policy: 'anti-affinity' }, availability_zone: 'nova' },
    'and what Zun keeps to itself',
  );
});

t.test('who asks for nothing gets the defaults', async (t) => {
  const { json } = await post({ image: 'busybox' });
  t.match(json['name'], /^[a-z]+-([1-9]|1\d|2[0-4])-container$/);
  t.match(json, {
    image: /^busybox$/,
    cpu: null,
    memory: null,
    command: [],
    environment: {},
    workdir: null,
    labels: {},
    restart_policy: null,
    interactive: false,
    tty: false,
    disk: 0,
    auto_heal: false,
    auto_remove: false,
    healthcheck: null,
    entrypoint: null,
    hostname: null,
  });
  const configured = await createApiSite(t, {
    hosts: 0,
    settings: { 'site.cpu': '0.5', 'site.memoryMib': '64' },
  });
  t.match((await configured.create()) as Json, { cpu: 0.5, memory: '64' });
});

t.test('created it waits, run it starts', async (t) => {
  const created = await site.create();
  t.match(await site.reach(created.uuid, 'Created'), {
    task_state: null,
    status_detail: 'Created',
    host: 'host1',
  });
  const ran = await site.create({ hostname: 'web' }, { run: true });
  t.match(await site.reach(ran.uuid, 'Running'), {
    status_detail: 'Up 0 seconds',
    command: ['sleep'],
    image: /^busybox$/,
  });
  site.hosts[0]!.driver.exit(ran.uuid, 3);
  t.match(await site.reach(ran.uuid, 'Stopped'), {
    status_detail: 'Exited(3) 0 seconds ago (error)',
    exit_code: 3,
    status_reason: /3/,
  });
});

t.test('the detail of a status, as Zun words it', (t) => {
  const minute = 60_000;
  const hour = 60 * minute;
  const [view] = site.controlPlane.containers({ tenant: 'p1' });
  const ranSince = (startedAt: number) => ({ state: 'running', startedAt, finishedAt: null, exitCode: null });
  const ended = (finishedAt: number, exitCode: number) => ({
    state: 'exited',
    startedAt: 0,
    finishedAt,
    exitCode,
  });
  const now = 100 * 24 * hour;
  for (const [detail, observation, status = ''] of [
    ['Up 59 seconds', ranSince(now - 59_999)],
    ['Up 1 mins', ranSince(now - minute)],
    ['Up 3 hours', ranSince(now - 3 * hour - 59 * minute)],
    ['Up 2 days', ranSince(now - 48 * hour)],
    ['Up 0 seconds', ranSince(now + minute)],
    ['Up 3 mins (paused)', { ...ranSince(now - 3 * minute), state: 'paused' }],
    ['Exited(0) 10 mins ago ', ended(now - 10 * minute, 0)],
    ['Exited(1) 1 hours ago (error)', ended(now - hour, 1)],
    ['Created', { ...ranSince(0), state: 'created', startedAt: null }],
    ['Restarting', ended(now, 1), 'Restarting'],
    ['Dead', { ...ended(now, 1), state: 'dead' }],
    [null, null],
  ] as const) {
    const shown = containerView(
      {
        ...view!,
        status,
        observation: observation && ({ addresses: [], ...observation } as unknown as Observation),
      },
      { shows: () => false, baseUrl: null },
      now,
    );
    t.equal(shown['status_detail'], detail);
  }
  t.end();
});
