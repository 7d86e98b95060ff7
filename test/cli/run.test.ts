/** `troupe run`: output and exit code of the container, Ctrl-C, and what is said on the way. */
import t from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { changed, containerView, createCliScene, type CliSceneOptions } from './scene.ts';

const id = '11111111-2222-3333-4444-555555555555';
const path = `/v1/containers/${id}`;
const create = 'POST /v1/containers?run=true';
const logs = `${path}/logs?follow=true`;

/** A container that was made and is being created. */
const scene = (options: CliSceneOptions = {}, view: Readonly<Record<string, unknown>> = {}) =>
  createCliScene({
    ...options,
    answers: {
      [create]: containerView({ status: 'Creating' }),
      [`GET ${path}`]: containerView(view),
      ...options.answers,
    },
  });

t.test('in the foreground: its output, byte for byte, and its exit code', async (t) => {
  const cli = scene(
    { streams: { [logs]: ['one\n', 'h\xc3', '\xa4\n'] } },
    { status: 'Stopped', exit_code: 7 },
  );
  cli.tell(
    changed('creating.attempting', 'Creating', {
      taskState: 'container_creating',
      reason: 'The engine creates it',
    }),
    changed('running.up', 'Running'),
    changed('stopped', 'Stopped', { reason: 'it exited with 7' }),
  );
  t.equal(await cli.run('run', 'busybox', 'sh', '-c', 'exit 7'), 7);
  t.equal(cli.out, 'one\nh\xc3\xa4\n');
  t.match(
    cli.err,
    /^web \(11111111-.*\)\n {2}creating\.attempting: The engine creates it\n {2}running\.up\n {2}stopped: it exited with 7\n$/,
  );
  t.match(cli.body(create), {
    image: 'busybox',
    command: ['sh', '-c', 'exit 7'],
    auto_remove: false,
  });
  t.strictSame(cli.wishes, [{ id, kinds: ['container'], allProjects: true }]);
});

t.test('one that ended before it was seen to run shows its output all the same', async (t) => {
  const cli = scene({ streams: { [logs]: ['hello\n'] } }, { status: 'Stopped', exit_code: 0 });
  cli.tell(changed('stopped', 'Stopped'));
  t.equal(await cli.run('run', 'busybox', 'echo', 'hello'), 0);
  t.equal(cli.out, 'hello\n');
});

t.test('a restart by policy shows the output of each run once', async (t) => {
  let view = containerView();
  const since = `${logs}&since=${encodeURIComponent('2026-01-02 03:04:09,100')}`;
  const cli = scene({
    answers: { [`GET ${path}`]: () => view },
    streams: { [logs]: ['first\n'], [since]: ['second\n'] },
  });
  cli.tell(changed('running.up', 'Running'));
  const code = cli.run('run', '--restart', 'on-failure:1', 'busybox', 'false');
  await cli.asked(`STREAM ${logs}`);
  view = containerView({ started_at: '2026-01-02T03:04:09.100Z' });
  cli.tell(changed('backingOff', 'Restarting'), changed('running.up', 'Running'));
  await cli.asked(`STREAM ${since}`);
  view = containerView({ ...view, status: 'Stopped', exit_code: 3 });
  cli.tell(changed('stopped', 'Stopped'));
  t.equal(await code, 3);
  t.equal(cli.out, 'first\nsecond\n');
  t.match(cli.body(create), { restart_policy: { Name: 'on-failure', MaximumRetryCount: '1' } });
});

t.test('--rm removes it once its output and exit code are known', async (t) => {
  const cli = scene(
    { answers: { [`DELETE ${path}?stop=true`]: null }, streams: { [logs]: ['x'] } },
    { status: 'Stopped', exit_code: 4 },
  );
  cli.tell(changed('stopped', 'Stopped'));
  t.equal(await cli.run('run', '--rm', 'busybox', 'x'), 4);
  const order = ['STREAM', 'DELETE'].map((verb) => cli.calls.findIndex((call) => call.startsWith(verb)));
  t.ok(order[0]! >= 0 && order[0]! < order[1]!, 'in this order');
});

t.test('--rm with --detach is left to Troupe', async (t) => {
  const cli = scene();
  cli.tell(changed('running.up', 'Running'));
  t.equal(await cli.run('run', '-d', '--rm', 'busybox'), 0);
  t.match(cli.body(create), { auto_remove: true });
});

t.test('--detach returns once it runs and prints its id, or its object', async (t) => {
  const cli = scene();
  cli.tell(changed('running.up', 'Running'));
  t.equal(await cli.run('run', '--detach', '--name', 'web', 'busybox'), 0);
  t.equal(cli.out, `${id}\n`);
  t.equal(await cli.run('run', '--detach', '-o', 'json', 'busybox'), 0);
  t.match(JSON.parse(cli.out), { uuid: id, status: 'Running' });
});

t.test('what can not be run is exit code 125 and a reason', async (t) => {
  for (const detach of [[], ['--detach']]) {
    const cli = scene({}, { status: 'Error', status_reason: 'image "x" not found' });
    cli.tell(changed('error', 'Error', { reason: 'image "x" not found' }));
    t.equal(await cli.run('run', ...detach, 'x'), 125);
    t.match(cli.err, /troupe: "web" failed: image "x" not found; see "troupe why web"\n$/);
  }
  const lost = scene({}, { status: 'Unknown' });
  lost.tell(changed('lost', 'Unknown'));
  t.equal(await lost.run('run', 'x'), 125);
  t.match(lost.err, /The host of "web" is not heard any more/);
  const gone = scene({ answers: { [`GET ${path}`]: new ApiError(404, 'gone') } });
  gone.tell(changed('deleted', 'Deleted', { ended: true }));
  t.equal(await gone.run('run', 'x'), 125);
  t.match(gone.err, /was removed meanwhile, and its exit code with it/);
});

t.test('Ctrl-C stops it and goes on to its end; a second one leaves it', async (t) => {
  const stop = `POST ${path}/stop`;
  const cli = scene(
    { answers: { [stop]: null }, streams: { [logs]: [] } },
    { status: 'Stopped', exit_code: 143 },
  );
  cli.tell(changed('running.up', 'Running'));
  const first = cli.run('run', 'busybox', 'sleep', '100');
  await cli.asked(`GET ${path}`);
  cli.interrupt();
  await cli.asked(stop);
  cli.tell(changed('stopped', 'Stopped'));
  t.equal(await first, 143);
  t.match(cli.err, /stopping web; Ctrl-C again leaves it/);
  t.notOk(cli.interrupt(), 'Ctrl-C is the process’s own again');

  const left = scene({ answers: { [stop]: null }, streams: { [logs]: [] } });
  left.tell(changed('running.up', 'Running'));
  const second = left.run('run', 'busybox', 'sleep', '100');
  await left.asked(`GET ${path}`);
  left.interrupt();
  left.interrupt();
  t.equal(await second, 130);
  t.match(left.err, /left web; it is being stopped/);
});

t.test('Ctrl-C before it is made stops it as soon as it is', async (t) => {
  const stop = `POST ${path}/stop`;
  const cli: ReturnType<typeof scene> = scene(
    {
      answers: {
        [create]() {
          cli.interrupt();
          return containerView({ status: 'Creating' });
        },
        [stop]: null,
      },
    },
    { status: 'Created', started_at: null },
  );
  cli.tell(changed('created', 'Created'));
  t.equal(await cli.run('run', 'busybox'), 130);
  t.ok(cli.calls.includes(stop));
});

t.test('without a watch it asks, and says so', async (t) => {
  let asked = 0;
  const cli = scene({
    answers: {
      [`GET ${path}`]: () =>
        containerView({ status: asked++ < 2 ? 'Creating' : 'Running', lifecycle_state: [`s${asked}`] }),
    },
  });
  cli.failWatch(new ApiError(503, 'a proxy is in the way'));
  t.equal(await cli.run('run', '-d', 'busybox'), 0);
  t.match(
    cli.err,
    /no live updates are to be had \(a proxy is in the way\); asking each second instead\n {2}s1\n {2}s2\n {2}s3\n$/,
  );
});

t.test('a watch that is refused is no reason to ask instead', async (t) => {
  const cli = scene();
  cli.failWatch(new ApiError(403, 'Only an admin may watch all projects'));
  t.equal(await cli.run('run', '-d', 'busybox'), 4);
});

t.test('its options are handed on in the API’s words', async (t) => {
  const cli = scene({ environment: { HOME: '/root' } });
  cli.tell(changed('running.up', 'Running'));
  const options = [
    '-d', '--cpu', '0.5', '--memory', '64', '-e', 'A=1=2', '-e', 'HOME', '--env', 'EMPTY=', '-l', 'team=blue', '-l', 'flag',
    '--entrypoint', '/bin/sh', '-w', '/tmp', '--hostname', 'h', '--host', 'node1', '--pull', 'never', '--restart', 'always',
  ]; // prettier-ignore
  t.equal(await cli.run('run', ...options, 'busybox', 'ls', '-l', '--name', 'x'), 0);
  t.strictSame(cli.body(create), {
    image: 'busybox',
    command: ['ls', '-l', '--name', 'x'],
    environment: { A: '1=2', HOME: '/root', EMPTY: '' },
    labels: { team: 'blue', flag: '' },
    auto_remove: false,
    memory: '64',
    workdir: '/tmp',
    hostname: 'h',
    host: 'node1',
    image_pull_policy: 'never',
    cpu: 0.5,
    entrypoint: ['/bin/sh'],
    restart_policy: { Name: 'always', MaximumRetryCount: '0' },
  });
  t.equal(await cli.run('run', '-e', 'NOT_HERE', 'busybox'), 2);
  t.match(cli.err, /--env NOT_HERE has no value/);
});

t.test('networks with addresses of one’s choice, ports and security groups', async (t) => {
  const cli = scene();
  cli.tell(changed('running.up', 'Running'));
  const options = ['--net', 'a', '--net', 'b:10.0.0.7', '--net', 'c:fd00::7', '--net', 'd:10.0.0.8,fd00::8'];
  const groups = ['--port', 'mine', '--security-group', 'web', '--security-group', 'ssh'];
  t.equal(await cli.run('run', '-d', ...options, ...groups, 'busybox'), 0);
  t.match(cli.body(create), {
    nets: [
      { network: 'a' },
      { network: 'b', 'v4-fixed-ip': '10.0.0.7' },
      { network: 'c', 'v6-fixed-ip': 'fd00::7' },
      { network: 'd', 'v4-fixed-ip': '10.0.0.8', 'v6-fixed-ip': 'fd00::8' },
      { port: 'mine' },
    ],
    security_groups: ['web', 'ssh'],
  });
});

t.test('health checks by command, http and tcp, as the API takes them', async (t) => {
  const asked = async (...options: readonly string[]): Promise<unknown> => {
    const cli = scene();
    cli.tell(changed('running.up', 'Running'));
    t.equal(await cli.run('run', '-d', ...options, 'busybox'), 0, options.join(' '));
    return (cli.body(create) as { healthcheck?: unknown }).healthcheck;
  };
  t.equal(await asked(), undefined);
  t.same(await asked('--health-cmd', 'test -e /well', '--health-interval', '5', '--health-retries', '2'), {
    cmd: 'test -e /well',
    interval: '5',
    retries: '2',
  });
  t.same(await asked('--health-http', ':80/healthz', '--health-timeout', '3'), {
    type: 'http',
    port: '80',
    path: '/healthz',
    timeout: '3',
  });
  t.same(await asked('--health-http', '8080'), { type: 'http', port: '8080' });
  t.same(await asked('--health-tcp', '6379', '--health-start-period', '30', '--health-successes', '2'), {
    type: 'tcp',
    port: '6379',
    start_period: '30',
    success_threshold: '2',
  });
});

t.test('health options that say nothing, or two things, are refused before anything is made', async (t) => {
  for (const [options, words] of [
    [['--health-interval', '5'], /--health-cmd, --health-http or --health-tcp/],
    [['--health-cmd', 'true', '--health-tcp', '80'], /exclude each other/],
    [['--health-http', 'well'], /:port\/path/],
  ] as const) {
    const cli = scene();
    t.equal(await cli.run('run', '-d', ...options, 'busybox'), 2);
    t.match(cli.err, words);
    t.notOk(cli.calls.includes(create));
  }
});
