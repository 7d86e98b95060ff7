/** The command line as a whole: where the API is, exit codes, help, completion, and the commands on the site. */
import t from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { CommandFailed } from '../../src/cli/command-failed.ts';
import type { WatchFrame } from '../../src/model/watch.ts';
import { errorTable } from '../../src/errors/errors.ts';
import { errorKinds } from '../../src/errors/kinds.ts';
import { containerView, createCliScene } from './scene.ts';

const containers = { 'GET /v1/containers': { containers: [] } };

t.test('who is asked: flags, environment, then this machine', async (t) => {
  const connected = async (environment: Record<string, string>, ...argv: string[]): Promise<string> => {
    const cli = createCliScene({ answers: containers, environment, files: { '/token': 'from-file\n' } });
    const code = await cli.run(...argv, 'list');
    return code === 0 ? cli.calls[0]! : `${code} ${cli.err.trim()}`;
  };
  t.equal(await connected({}), 'CONNECT http://127.0.0.1:9517 the-admin-token');
  t.equal(await connected({}, '--set', 'api.port=1'), 'CONNECT http://127.0.0.1:1 the-admin-token');
  t.equal(await connected({ TROUPE_API__PORT: '2' }), 'CONNECT http://127.0.0.1:2 the-admin-token');
  t.equal(
    await connected({ TROUPE_URL: 'https://control:9517/', TROUPE_TOKEN: 't' }),
    'CONNECT https://control:9517 t',
  );
  t.equal(
    await connected({ TROUPE_URL: 'http://a', TROUPE_TOKEN_FILE: '/token' }, '--url', 'http://b'),
    'CONNECT http://b from-file',
  );
  t.equal(await connected({ TROUPE_TOKEN: 't' }), 'CONNECT http://127.0.0.1:9517 t');
  t.equal(
    await connected({ TROUPE_URL: 'http://127.0.0.1:9517' }),
    'CONNECT http://127.0.0.1:9517 the-admin-token',
  );
  t.equal(
    await connected({ TROUPE_URL: 'http://elsewhere' }),
    '2 troupe: There is no token for http://elsewhere; set TROUPE_TOKEN or TROUPE_TOKEN_FILE',
    'this machine’s token stays on this machine',
  );
  t.match(
    await connected({ TROUPE_TOKEN_FILE: '/nowhere' }),
    /^2 troupe: "TROUPE_TOKEN_FILE" can't be read: ENOENT/,
  );
  t.match(await connected({ TROUPE_CA_FILE: '/nowhere' }), /^2 troupe: "TROUPE_CA_FILE" can't be read/);
  t.match(await connected({}, '--ca-file', '/nowhere'), /^2 troupe: "--ca-file" can't be read/);
});

t.test('a bad configuration is one line and exit code 2', async (t) => {
  const cli = createCliScene({ environment: { TROUPE_API__PROT: '1' } });
  for (const command of ['list', 'up', 'down', 'doctor', 'config', 'env']) {
    t.equal(await cli.run(command), 2, command);
    t.equal(
      cli.err,
      'troupe: "TROUPE_API__PROT" (from the environment) is not a setting; did you mean "TROUPE_API__PORT"?\n',
    );
  }
  const file = createCliScene({ environment: { TROUPE_CONFIG_FILE: '/nowhere.yaml' } });
  t.equal(await file.run('list'), 2);
  t.match(file.err, /^troupe: "\/nowhere\.yaml" \(from the file\) can't be read/);
  t.equal(await file.run('list', '--config', '/other.yaml'), 2);
  t.match(file.err, /other\.yaml/, 'the flag counts');
});

t.test('usage errors are exit code 2 and say where help is', async (t) => {
  const cli = createCliScene();
  const wrong: Readonly<Record<string, RegExp>> = {
    lst: /unknown command 'lst'\n\(Did you mean list\?\)/,
    'list --wat': /unknown option '--wat'\nSee "troupe list --help"\./,
    'list -o xml': /Allowed choices are table, json/,
    show: /missing required argument 'container'/,
    'hosts cordon': /See "troupe hosts cordon --help"\./,
    'list --set nonsense': /--set wants section\.key=value, not "nonsense"/,
    'watch --kind pod':
      /--kind must be one of container, capsule, sandbox, pool, network, volume, image, registry, host, tenant, not "pod"/,
    'chart pod':
      /Allowed choices are container, capsule, sandbox, pool, network, volume, image, registry, host, tenant/,
    'agent --adopt w --join t': /cannot be used with option/,
  };
  for (const [line, words] of Object.entries(wrong)) {
    t.equal(await cli.run(...line.split(' ')), 2, line);
    t.match(cli.err, words);
    t.equal(cli.out, '');
  }
});

t.test('the exit code is that of the kind of error', async (t) => {
  for (const { kind, zun } of Object.values(errorTable)) {
    const { http, exitCode } = errorKinds[kind];
    const error = new ApiError(http, 'no', 'req-1', `container.${zun}`);
    t.equal(error.exitCode, exitCode, `${kind} ${zun}`);
  }
  t.equal(new ApiError(403, 'no').exitCode, 4, 'a 403 that says nothing is forbidden');
  t.equal(new ApiError(403, 'no', null, 'container.over-quota').exitCode, 6);
  t.equal(new ApiError(413, 'no').exitCode, 2);
  t.equal(new ApiError(502, 'no').exitCode, 1);
  const cli = createCliScene({
    answers: { 'GET /v1/containers': new ApiError(503, 'The store is full', 'req-9') },
  });
  t.equal(await cli.run('list'), 7);
  t.equal(cli.err, 'troupe: The store is full (req-9)\n');
  const broken = createCliScene({ answers: { 'GET /v1/containers': new TypeError('a bug') } });
  t.equal(await broken.run('list'), 1);
  t.match(broken.err, /^troupe: TypeError: a bug\n +at /, 'a bug shows where');
});

t.test('help is for a stranger: what to begin with, groups, exit codes', async (t) => {
  const cli = createCliScene();
  t.equal(await cli.run('--help'), 0);
  for (const words of [
    /Begin with:\n {2}troupe up --detach/,
    /Containers:\n {2}run/,
    /Site:\n {2}up/,
    /Exit codes: /,
    /troupe complete bash/,
  ])
    t.match(cli.out, words);
  t.equal(await cli.run('run', '--help'), 0);
  t.match(cli.out, /Examples:\n {2}troupe run --rm busybox echo hello/);
  t.match(cli.out, /Everywhere:\n {2}-o, --output/);
  t.equal(await cli.run('--version'), 0);
  t.match(cli.out, /^\d+\.\d+\.\d+\n$/);
});

t.test('up, in the foreground and as a process of its own', async (t) => {
  const served: unknown[] = [];
  const argv: unknown[] = [];
  const cli = createCliScene({
    roots: {
      serve: async ({ config }, parts) => void served.push(config.api.port, parts),
      async detach(_, what, given, say) {
        argv.push(what, given);
        say('starting');
        return { pid: 7, already: argv.length > 2 };
      },
    },
  });
  t.equal(await cli.run('up', '--set', 'api.port=5'), 0);
  t.equal(await cli.run('up', '--control-plane-only'), 0);
  t.strictSame(served, [5, 'all', 9517, 'control-plane']);
  t.equal(await cli.run('--set', 'api.port=6', 'up', '-d', '--set', 'log.level=warn'), 0);
  t.strictSame(
    argv,
    ['troupe', ['--set', 'api.port=6', '--set', 'log.level=warn', 'up']],
    'the same settings there',
  );
  t.equal(cli.err, 'starting\nTroupe is up (process 7) at http://127.0.0.1:6\n');
  t.equal(await cli.run('up', '-d', '--control-plane-only'), 0);
  t.match(cli.err, /Troupe is up already/);
  const failing = createCliScene({
    roots: {
      async detach() {
        throw new CommandFailed('"api.port" (from default) must be free', 2);
      },
    },
  });
  t.equal(await failing.run('up', '-d'), 2);
  t.equal(failing.err, 'troupe: "api.port" (from default) must be free\n');
});

t.test('down says what has stopped', async (t) => {
  const stopped = [{ pid: 7, command: 'troupe up' }];
  const cli = createCliScene({ roots: { down: async () => stopped.splice(0) } });
  t.equal(await cli.run('down'), 0);
  t.equal(
    cli.err,
    '"troupe up" (process 7) has stopped\nContainers run on; "troupe up" looks after them again\n',
  );
  t.equal(await cli.run('down'), 0);
  t.equal(cli.err, 'Nothing of Troupe ran on /var/lib/troupe\n');
});

t.test('agent: in the foreground, in the background, and moved to another world', async (t) => {
  const seen: unknown[] = [];
  const cli = createCliScene({
    roots: {
      serveAgent: async (_, token) => void seen.push(token),
      async detach(_, what, given) {
        seen.push(what, given);
        return { pid: 8, already: false };
      },
      adopt: async (_, world) => void seen.push(world),
    },
  });
  await cli.run('agent', '--join', 'tok');
  await cli.run('agent');
  await cli.run('agent', '--detach', '--join', 'tok', '--set', 'api.port=4');
  await cli.run('agent', '--adopt', 'w2');
  t.strictSame(seen, ['tok', null, 'agent', ['--set', 'api.port=4', 'agent', '--join', 'tok'], 'w2']);
});

t.test('env is sourced by a shell, whatever stands in it', async (t) => {
  const cli = createCliScene({
    roots: { adminToken: () => "it's", authorityFile: () => '/a b.pem' },
    environment: { TROUPE_API__PUBLIC_URL: 'https://control:9517' },
  });
  t.equal(await cli.run('env'), 0);
  t.equal(
    cli.out,
    'export OS_AUTH_TYPE=admin_token\n' +
      'export OS_ENDPOINT=https://control:9517/v1\n' +
      `export OS_TOKEN='it'"'"'s'\n` +
      'export TROUPE_URL=https://control:9517\n' +
      'export TROUPE_TOKEN_FILE=/var/lib/troupe/admin.token\n' +
      `export OS_CACERT='/a b.pem'\n` +
      `export TROUPE_CA_FILE='/a b.pem'\n`,
  );
});

t.test('audit is an empty list and exit code 0 when clean, else the entries and 1', async (t) => {
  const clean = createCliScene({ answers: { 'GET /v1/audit': { audit: [] } } });
  t.equal(await clean.run('audit', '-o', 'json'), 0);
  t.equal(clean.out, '[]\n');
  t.equal(await clean.run('audit'), 0);
  t.equal(clean.err, 'Everything has its owner\n');
  const audit = [{ problem: 'quota-differs', address: 'tenant/p', hostId: null, detail: 'counted 1' }];
  const dirty = createCliScene({ answers: { 'GET /v1/audit': { audit } } });
  t.equal(await dirty.run('audit', '-o', 'json'), 1);
  t.strictSame(JSON.parse(dirty.out), audit);
  t.equal(await dirty.run('audit'), 1);
  t.match(dirty.out, /^PROBLEM .*\nquota-differs  tenant\/p +counted 1\n$/);
});

t.test('hosts are listed, cordoned, opened and removed', async (t) => {
  const hosts = [
    {
      uuid: 'u', hostname: 'h1', state: 'online', admission: 'open', total_containers: 2, cpus: 8, cpu_used: 0.5,
      mem_total: 1000, mem_used: 64, engine: 'docker 20', makes_networks: true, pools: [{ ready: 1 }, { ready: 2 }], reason: null,
      warm_memory_total: 256, warm_memory_used: 12,
    },
  ]; // prettier-ignore
  const cli = createCliScene({
    answers: {
      'GET /v1/hosts': { hosts },
      'POST /v1/hosts/h1/cordon': null,
      'POST /v1/hosts/h1/uncordon': null,
      'DELETE /v1/hosts/h1': null,
    },
  });
  await cli.run('hosts', '-o', 'json');
  t.strictSame(JSON.parse(cli.out), hosts);
  await cli.run('hosts');
  t.match(cli.out, /h1 +online +open +2 +0\.5\/8 +64\/1000 +own +3 +12\/256 +docker 20\n$/);
  t.equal(await cli.run('hosts', 'cordon', 'h1'), 0);
  t.equal(cli.err, 'h1 is cordoned: nothing new is placed there\n');
  t.equal(await cli.run('hosts', 'uncordon', 'h1'), 0);
  t.equal(await cli.run('hosts', 'cordon', 'h2'), 3);
  t.equal(await cli.run('hosts', 'rm', 'h1'), 0);
  t.match(cli.err, /h1 is removed; its agent may join again with a new token/);
});

t.test('doctor exits with 1 when something is wrong, and says what to do', async (t) => {
  const findings = [
    { check: 'node', ok: true, detail: 'v20', fix: null },
    { check: 'engine', ok: false, detail: 'nobody answers', fix: 'Start it' },
  ];
  const cli = createCliScene({ roots: { doctor: async () => findings } });
  t.equal(await cli.run('doctor'), 1);
  t.match(
    cli.out,
    /^CHECK +OK +DETAIL +WHAT TO DO\nnode +true +v20\nengine +false +nobody answers +Start it\n$/,
  );
  await cli.run('doctor', '-o', 'json');
  t.strictSame(JSON.parse(cli.out), findings);
});

t.test('config shows each value and its source, and no secret', async (t) => {
  const cli = createCliScene({
    environment: { TROUPE_STORE__REDIS_PASSWORD: 'hunter2', TROUPE_API__PORT: '3' },
  });
  t.equal(await cli.run('config'), 0);
  t.match(cli.out, /^api\.port +3 +TROUPE_API__PORT$/m);
  t.match(cli.out, /^store\.redisPassword +\*\*\* +TROUPE_STORE__REDIS_PASSWORD$/m);
  await cli.run('config', '-o', 'json');
  t.notMatch(cli.out, /hunter2/);
  t.match(JSON.parse(cli.out), [{ setting: 'state.directory', value: '/var/lib/troupe', source: 'default' }]);
});

t.test('store copy: the target’s file alone says where to', async (t) => {
  const copies: string[] = [];
  const cli = createCliScene({
    environment: { TROUPE_STATE__DIRECTORY: '/from' },
    roots: {
      copyStore: async (from, to) => void copies.push(from.config.state.directory, to.config.state.directory),
    },
  });
  const to = `${t.testdir({ 'to.yaml': 'state: {directory: /to}' })}/to.yaml`;
  t.equal(await cli.run('store', 'copy', '--to', to, '--set', 'api.port=4'), 0);
  t.strictSame(copies, ['/from', '/to']);
  t.equal(await cli.run('store', 'copy', '--to', '/nowhere'), 2);
});

t.test('watch: lines for people, frames for programs', async (t) => {
  const cli = createCliScene();
  const frames: readonly WatchFrame[] = [
    { type: 'hello', time: 'x', project_id: null },
    {
      type: 'snapshot', position: 'p1',
      items: [{ kind: 'host', id: 'h', project_id: null, revision: 1, status: 'online', taskState: null, reason: null, statePaths: ['link.online'], since: 0, name: 'h1', host: null }],
    },
    {
      type: 'change', position: 'p2', at: 0, kind: 'container', id: 'c', project_id: 'p', revision: 2, event: 'runtime.exited',
      from: ['running.up'], to: ['stopped'], status: 'Stopped', taskState: null, reason: 'it exited with 0', ended: false,
      requestId: null, name: 'web', host: 'h1',
    },
  ]; // prettier-ignore
  cli.tell(...frames);
  // The watch has no end of its own, so what it has written so far is looked at.
  void cli.run('watch', '-a', '--kind', 'container', '--kind', 'host', '--id', 'c', '--from', 'p0');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(
    cli.out,
    'host h is online, link.online\n' +
      '1970-01-01T00:00:00.000Z container c Stopped: runtime.exited, running.up → stopped (it exited with 0)\n',
  );
  t.strictSame(cli.wishes, [{ allProjects: true, id: 'c', kinds: ['container', 'host'], from: 'p0' }]);
  void cli.run('watch', '-o', 'json');
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(
    cli.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    frames,
  );
});

t.test('a join token is printed alone', async (t) => {
  const cli = createCliScene({ answers: { 'POST /v1/join_tokens': { join_token: 'troupe-join-x' } } });
  await cli.run('join-token');
  t.equal(cli.out, 'troupe-join-x\n');
});

t.test('completion offers commands, options, and the names of what is there', async (t) => {
  const cli = createCliScene({
    answers: {
      'GET /v1/containers': {
        containers: [containerView(), containerView({ name: 'db', status: 'Stopped' })],
      },
      'GET /v1/hosts': { hosts: [{ hostname: 'h1', state: 'online' }] },
    },
  });
  const offered = async (...words: string[]): Promise<string> => {
    const lines: string[] = [];
    const { log } = console;
    // The library that speaks to the shells writes for itself.
    console.log = (line: string) => void lines.push(line);
    try {
      t.equal(await cli.run('complete', '--', ...words), 0);
    } finally {
      console.log = log;
    }
    return lines.join('\n');
  };
  t.match(
    await offered('st'),
    /^start\tstart containers\nstop\tstop containers\nstats\twhat a container has used\nstore\t/,
  );
  t.match(await offered('run', '--re'), /^--restart\t/);
  t.match(await offered('list', '--out'), /^--output\t/);
  t.match(await offered('stop', 'w'), /^web\tRunning\n:4$/);
  t.match(await offered('stop', 'web', ''), /^web\tRunning\ndb\tStopped\n:4$/);
  t.match(await offered('hosts', 'cordon', ''), /^h1\tonline\n:4$/);
  t.match(
    await offered('chart', ''),
    /^container\t\ncapsule\t\nsandbox\t\npool\t\nnetwork\t\nvolume\t\nimage\t\nregistry\t\nhost\t\ntenant\t\n:4$/,
  );
  const before = cli.calls.length;
  t.match(await offered('up', '-'), /--detach|-d/);
  t.equal(cli.calls.length, before, 'nobody is asked for what needs no names');
  const silent = createCliScene();
  t.equal(await silent.run('complete', '--', 'stop', ''), 0, 'nothing to offer is no error');
});
