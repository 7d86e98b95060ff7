/** Settings: which value counts, where it came from, and one line for each that is wrong. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { badSetting, loadConfig, shownSettings, type ConfigInput } from '../../src/config/load.ts';
import { settings, variable } from '../../src/config/setting.ts';
import { TroupeError } from '../../src/errors/errors.ts';

const load = (input: Partial<ConfigInput>) =>
  loadConfig({ flags: {}, environment: {}, file: null, usualFiles: [], ...input });

/** The one line that a bad configuration is answered with. */
function fault(t: Test, input: Partial<ConfigInput>): string {
  try {
    load(input);
  } catch (error) {
    t.type(error, TroupeError);
    t.equal((error as TroupeError).code, 'INVALID_CONFIG');
    t.notMatch((error as Error).message, /\n/, 'one line');
    return (error as Error).message;
  }
  t.fail(`nothing is wrong with ${JSON.stringify(input)}`);
  return '';
}

t.test('flags count over environment over file over defaults, and each says where it is from', async (t) => {
  const file = join(
    t.testdir({ 'config.yaml': 'api:\n  host: 10.0.0.1\n  port: 1001\nlog:\n  level: warn\n' }),
    'config.yaml',
  );
  const { config, sources } = load({
    file,
    environment: {
      TROUPE_API__PORT: '1002',
      TROUPE_LOG__LEVEL: 'error',
      TROUPE_URL: 'not a setting',
      PATH: '/bin',
    },
    flags: { 'log.level': 'debug' },
  });
  t.match(config, {
    api: { host: '10.0.0.1', port: 1002 },
    log: { level: 'debug' },
    state: { directory: '/var/lib/troupe' },
  });
  t.equal(sources.get('api.host'), file);
  t.equal(sources.get('api.port'), 'TROUPE_API__PORT');
  t.equal(sources.get('log.level'), 'flag');
  t.equal(sources.get('state.directory'), 'default');
});

t.test('the default of a user who is not root yields to everything', async (t) => {
  const defaults = { 'state.directory': '/home/u/.local/state/troupe' };
  t.equal(load({ defaults }).config.state.directory, '/home/u/.local/state/troupe');
  t.equal(load({ defaults }).sources.get('state.directory'), 'default');
  const file = join(t.testdir({ 'c.yaml': 'state: {directory: /srv/troupe}' }), 'c.yaml');
  t.equal(load({ defaults, file }).config.state.directory, '/srv/troupe');
});

t.test('the first of the usual files that exists is read; a named one must exist', async (t) => {
  const folder = t.testdir({
    'second.yaml': 'api: {port: 2}',
    'third.yaml': 'api: {port: 3}',
    'empty.yaml': '',
  });
  const usualFiles = ['first', 'second', 'third'].map((name) => join(folder, `${name}.yaml`));
  t.equal(load({ usualFiles }).config.api.port, 2);
  t.equal(load({ usualFiles, file: join(folder, 'empty.yaml') }).config.api.port, 9517);
  t.match(
    fault(t, { file: join(folder, 'first.yaml') }),
    /first\.yaml" \(from the file\) can't be read: ENOENT/,
  );
});

t.test('text from flags and variables is read as the type of its setting', async (t) => {
  const { config } = load({
    environment: {
      TROUPE_API__ALLOWED_ORIGINS: 'https://a.example, https://b.example',
      TROUPE_LINK__ALLOW_INSECURE: 'true',
      TROUPE_QUOTA__CPU: '1.5',
    },
    flags: { 'agent.labels': 'rack=r1,gpu=', 'store.redisNodes': '' },
  });
  t.strictSame(config.api.allowedOrigins, ['https://a.example', 'https://b.example']);
  t.equal(config.link.allowInsecure, true);
  t.equal(config.quota.cpu, 1.5);
  t.strictSame(config.agent.labels, { rack: 'r1', gpu: '' });
  t.strictSame(config.store.redisNodes, []);
});

t.test('every setting can be set by its variable', async (t) => {
  for (const [setting, { default: value }] of settings) {
    const text = typeof value === 'object' ? '' : String(value);
    const { sources } = load({ environment: { [variable(setting)]: text } });
    t.equal(sources.get(setting), variable(setting));
  }
});

t.test('what is wrong is one line with key, source, rule and value', async (t) => {
  const flag = (setting: string, value: string): string => fault(t, { flags: { [setting]: value } });
  t.equal(flag('api.port', 'x'), '"api.port" (from flag) must be a whole number from 1 to 65535, not "x"');
  t.equal(flag('api.port', '1.5'), '"api.port" (from flag) must be a whole number from 1 to 65535, not 1.5');
  t.match(flag('api.port', '0'), /from 1 to 65535, not 0$/);
  t.match(flag('api.port', '65536'), /from 1 to 65535, not 65536$/);
  t.match(flag('api.port', ''), /not ""$/);
  t.match(flag('store.kind', 'mysql'), /must be one of embedded, redis, not "mysql"$/);
  t.match(flag('link.allowInsecure', 'yes'), /must be true or false, not "yes"$/);
  t.match(flag('state.directory', 'here'), /must be an absolute path, not "here"$/);
  t.match(flag('store.redisNodes', 'a:1,b'), /must be a list of nodes as host:port, not \["a:1","b"\]$/);
  t.match(flag('agent.controlUrl', 'wss://control:9517/'), /must be a URL without a path/);
  t.match(flag('quota.cpu', '-2'), /must be a number of at least -1, not -2$/);
  t.equal(
    fault(t, { environment: { TROUPE_HOST__LOST_MS: 'soon' } }),
    '"host.lostMs" (from TROUPE_HOST__LOST_MS) must be a whole number of at least 500, not "soon"',
  );
  const file = (text: string): string => fault(t, { file: join(t.testdir({ 'c.yaml': text }), 'c.yaml') });
  t.match(
    file('api: {port: "9517"}'),
    /^"api\.port" \(from .*c\.yaml\) must be a whole number.*, not "9517"$/,
  );
  t.match(file('api: {port: }'), /not null$/);
  t.match(file('agent: {labels: [a]}'), /"agent\.labels".*must be names with a text each, not \["a"\]$/);
  t.match(file('api: [9517]'), /"api" .* must be a section of settings$/);
  t.match(file('- api'), /must hold sections of settings$/);
  t.match(file('api: {port: 1'), /can't be read: /);
  t.match(file('a: 1\na: 2'), /can't be read: .*unique/);
});

t.test('what is unknown is told with the nearest that is known', async (t) => {
  const file = (text: string): string => fault(t, { file: join(t.testdir({ 'c.yaml': text }), 'c.yaml') });
  t.equal(
    fault(t, { flags: { 'api.prot': '1' } }),
    '"api.prot" (from flag) is not a setting; did you mean "api.port"?',
  );
  t.match(fault(t, { flags: { port: '1' } }), /did you mean "api\.port"\?$/);
  t.match(
    fault(t, { environment: { TROUPE_API_: undefined, TROUPE_STORE__REDISURL: 'x' } }),
    /"TROUPE_STORE__REDIS_URL"\?$/,
  );
  t.match(file('stor: {kind: redis}'), /"stor" \(from .*c\.yaml\) is not a section; did you mean "store"\?$/);
  t.match(file('stor: {}'), /is not a section/);
  t.match(file('store: {redis_url: x}'), /did you mean "store\.redisUrl"\?$/);
  t.match(file('__proto__: {x: 1}'), /is not a section/);
  t.match(file('api: {constructor: 1}'), /"api\.constructor" .*is not a setting/);
});

t.test('settings that belong together are held against each other', async (t) => {
  t.match(
    fault(t, { flags: { 'api.certFile': '/c' } }),
    /^"api\.certFile" \(from flag\) needs api\.keyFile beside it$/,
  );
  t.match(
    fault(t, { flags: { 'api.keyFile': '/k' } }),
    /^"api\.keyFile" \(from flag\) needs api\.certFile beside it$/,
  );
  t.match(
    fault(t, { environment: { TROUPE_LINK__LEASE_MS: '8000' } }),
    /^"link\.leaseMs" \(from TROUPE_LINK__LEASE_MS\) must be shorter than host\.lostMs, 8000,/,
  );
  t.match(
    fault(t, { flags: { 'link.heartbeatMs': '6000' } }),
    /"link\.leaseMs" \(from default\) must be longer than link\.heartbeatMs/,
  );
});

t.test('secrets are never told: not in what is shown, not in what is wrong', async (t) => {
  const shown = shownSettings(
    load({
      flags: { 'store.redisPassword': 'hunter2' },
      environment: { TROUPE_STORE__REDIS_URL: 'rediss://user:hunter2@redis.example:6380/1?x=@' },
    }),
  );
  t.notMatch(JSON.stringify(shown), /hunter2/);
  const value = (setting: string) => shown.find((each) => each.setting === setting)?.value;
  t.equal(value('store.redisPassword'), '***');
  t.match(value('store.redisUrl'), /^rediss:\/\/\*\*\*@/);
  t.equal(shown.length, settings.size);
  const loaded = load({});
  t.equal(
    shownSettings(loaded).find(({ setting }) => setting === 'store.redisPassword')?.value,
    '',
    'none is no secret',
  );
  t.notMatch(fault(t, { flags: { 'store.redisUrl': 'http://user:hunter2@redis' } }), /hunter2/);
});

t.test('a value that fails where it is used is told in the same form', async (t) => {
  const loaded = load({ environment: { TROUPE_API__PORT: '1' } });
  t.equal(
    badSetting(loaded, 'api.port', 'must be free').message,
    '"api.port" (from TROUPE_API__PORT) must be free',
  );
});
