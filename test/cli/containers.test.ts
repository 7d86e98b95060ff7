/** Lists, names, reasons and verbs of containers on the command line. */
import t from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { changed, containerView, createCliScene } from './scene.ts';

const id = '11111111-2222-3333-4444-555555555555';
const other = '11111111-9999-3333-4444-555555555555';
const third = 'abcdef00-2222-3333-4444-555555555555';
const all = 'GET /v1/containers?all_projects=true';

t.test('a list is the API’s own objects as JSON, or some of them as a table', async (t) => {
  const containers = [
    containerView(),
    containerView({
      uuid: third,
      name: 'job\u001b[2J',
      status: 'Error',
      status_reason: 'no\nroom',
      host: null,
    }),
  ];
  const cli = createCliScene({ answers: { 'GET /v1/containers': { containers } } });
  t.equal(await cli.run('list', '-o', 'json'), 0);
  t.strictSame(JSON.parse(cli.out), containers);
  t.equal(await cli.run('-o', 'json', 'ps'), 0);
  t.strictSame(JSON.parse(cli.out), containers, 'before the command as behind it');
  t.equal(await cli.run('list'), 0);
  t.equal(
    cli.out,
    'ID        NAME     STATUS   TASK  IMAGE    HOST  REASON\n' +
      '11111111  web      Running        busybox  h1\n' +
      'abcdef00  job [2J  Error          busybox        no room\n',
    'what a user has named it draws nothing on a terminal',
  );
  t.equal(cli.err, '');
});

t.test('an empty list is an empty array, or only headings', async (t) => {
  const cli = createCliScene({ answers: { 'GET /v1/containers': { containers: [] } } });
  await cli.run('list', '-o', 'json');
  t.equal(cli.out, '[]\n');
  await cli.run('list');
  t.equal(cli.out, 'ID  NAME  STATUS  TASK  IMAGE  REASON\n');
});

t.test('states are coloured for people only', async (t) => {
  const answers = {
    'GET /v1/containers': {
      containers: [containerView(), containerView({ status: 'Error' }), containerView({ status: 'Unknown' })],
    },
  };
  const plain = createCliScene({ answers });
  await plain.run('list');
  t.notMatch(plain.out, '\u001b');
  const coloured = createCliScene({ answers, colour: true });
  await coloured.run('list');
  t.match(coloured.out, '\u001b[32mRunning\u001b[39m');
  t.match(coloured.out, '\u001b[31mError\u001b[39m');
  t.match(coloured.out, '\u001b[33mUnknown\u001b[39m');
  await coloured.run('list', '-o', 'json');
  t.notMatch(coloured.out, '\u001b', 'never in JSON');
});

t.test('the beginning of an id is enough where it is nobody else’s', async (t) => {
  const containers = [containerView(), containerView({ uuid: other }), containerView({ uuid: third })];
  const cli = createCliScene({ answers: { [all]: { containers } } });
  t.equal(await cli.run('show', 'ABCDEF', '-o', 'json'), 0);
  t.equal(JSON.parse(cli.out).uuid, third);
  t.equal(await cli.run('show', '11111111'), 5);
  t.match(cli.err, /^troupe: "11111111" begins the ids of 2 containers; write more of it\n$/);
  t.equal(await cli.run('show', 'nobody'), 3);
  t.match(cli.err, /^troupe: Nothing answers GET \/v1\/containers\/nobody \(req-1\)\n$/);
  const user = createCliScene({
    answers: { [all]: new ApiError(403, 'not an admin'), 'GET /v1/containers': { containers } },
  });
  t.equal(await user.run('show', 'abc', '-o', 'json'), 0, 'a user finds among the own ones');
});

t.test('a name with blanks and slashes is one name', async (t) => {
  const cli = createCliScene({ answers: { [all]: { containers: [] } } });
  await cli.run('show', 'a b/../c?x');
  t.ok(cli.calls.includes('GET /v1/containers/a%20b%2F..%2Fc%3Fx'));
});

t.test('why: where it is, what it waits for, what would move it and who may', async (t) => {
  const lifecycle = {
    statePaths: ['acquiring.image.pulling.attempting', 'acquiring.network.ready'],
    status: 'Creating',
    reason: 'The host ensures the image',
    since: 0,
    waitingFor: [
      { description: 'the container engine on host "h1" to have the image', attempt: 2, deadlineAt: null },
      { description: 'the time to pull the image to run out', attempt: 1, deadlineAt: 60_000 },
    ],
    lastError: { message: 'The registry does not answer' },
    allowedEvents: [
      {
        type: 'container.delete',
        mode: 'stop',
        answer: 'accepted',
        to: ['removing.stopping'],
        roles: ['owner', 'admin'],
      },
      { type: 'container.start', answer: 'refused', to: [], roles: ['owner'] },
    ],
    related: [
      { address: 'host/h1', name: 'h1', status: 'online', reason: null },
      { address: `sandbox/p1/${other}`, name: null, status: 'making', reason: 'Neutron does not answer' },
    ],
    quarantined: null,
  };
  const cli = createCliScene({
    answers: { 'GET /v1/containers/web': containerView(), [`GET /v1/containers/${id}/lifecycle`]: lifecycle },
  });
  t.equal(await cli.run('why', 'web'), 0);
  t.equal(
    cli.out,
    'web is Creating (acquiring.image.pulling.attempting, acquiring.network.ready) since 1970-01-01T00:00:00.000Z.\n' +
      'The host ensures the image.\n' +
      'It waits for the container engine on host "h1" to have the image, attempt 2.\n' +
      'It waits for the time to pull the image to run out (at 1970-01-01T00:01:00.000Z).\n' +
      'Last error: The registry does not answer.\n' +
      'Its sandbox is making: Neutron does not answer.\n' +
      'What would move it:\n' +
      '  container.delete (stop), accepted, to removing.stopping; may be sent by owner, admin\n',
  );
  await cli.run('why', 'web', '-o', 'json');
  t.strictSame(JSON.parse(cli.out), lifecycle);
});

t.test('why says of a quarantined one what broke it', async (t) => {
  const lifecycle = {
    statePaths: ['running.up'], status: 'Unknown', reason: null, since: 0, waitingFor: [], lastError: null, allowedEvents: [],
    related: [], quarantined: { reason: 'It threw "x" 3 times', event: 'runtime.exited' },
  }; // prettier-ignore
  const cli = createCliScene({
    answers: { 'GET /v1/hosts/h1/lifecycle': lifecycle },
  });
  t.equal(await cli.run('hosts', 'why', 'h1'), 0);
  t.match(
    cli.out,
    /It is quarantined: It threw "x" 3 times\. The event that broke it: runtime\.exited\.\nNothing that people/,
  );
});

t.test('history: each transition with its cause', async (t) => {
  const record = (revision: number, cause: object, refused: string | null = null) => ({
    revision, at: 0, event: { type: 'container.stop' }, to: ['stopping'], refused, cause,
  }); // prettier-ignore
  const history = [
    record(1, { kind: 'request', requestId: 'req-1', userId: 'ann' }),
    record(2, { kind: 'actor', address: 'host/h1' }),
    record(3, { kind: 'operation', src: 'stopContainer', requestId: null }),
    record(4, { kind: 'agent', hostId: 'h1' }),
    record(5, { kind: 'runtime', reason: 'recounted at start' }, 'It does not run'),
  ];
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': containerView(),
      [`GET /v1/containers/${id}/history?limit=5&after=2`]: { history },
    },
  });
  t.equal(await cli.run('history', 'web', '--limit', '5', '--after', '2'), 0);
  for (const cause of [
    'req-1 by ann',
    'host/h1',
    'stopContainer',
    'host h1',
    'recounted at start  It does not run',
  ])
    t.match(cli.out, new RegExp(`stopping +${cause}\n`));
  await cli.run('history', 'web', '--limit', '5', '--after', '2', '-o', 'json');
  t.strictSame(JSON.parse(cli.out), history);
});

t.test('logs: as they are, and followed', async (t) => {
  const path = `/v1/containers/${id}/logs`;
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/web': containerView(),
      [`GET ${path}?tail=all&timestamps=false`]: 'a\nb\n',
    },
    streams: { [`${path}?tail=3&timestamps=true&follow=true`]: ['c\n'] },
  });
  t.equal(await cli.run('logs', 'web'), 0);
  t.equal(cli.out, 'a\nb\n');
  t.equal(await cli.run('logs', '-f', '--tail', '3', '--timestamps', 'web'), 0);
  t.equal(cli.out, 'c\n');
});

t.test('a verb on several does each, tells what failed, and exits with the first failure', async (t) => {
  const cli = createCliScene({
    answers: {
      'GET /v1/containers/one': containerView({ name: 'one', uuid: 'u1' }),
      'GET /v1/containers/two': containerView({ name: 'two', uuid: 'u2' }),
      'GET /v1/containers/three': containerView({ name: 'three', uuid: 'u3' }),
      'POST /v1/containers/u1/stop?timeout=3': null,
      'POST /v1/containers/u2/stop?timeout=3': new ApiError(409, 'Cannot stop container u2 in Created state'),
      'POST /v1/containers/u3/stop?timeout=3': null,
    },
  });
  t.equal(await cli.run('stop', '-t', '3', 'one', 'two', 'three'), 5);
  t.equal(
    cli.err,
    'stopping one\ntroupe: two: Cannot stop container u2 in Created state\nstopping three\ntroupe: 1 of 3 were not done\n',
  );
});

t.test('--wait sees it through', async (t) => {
  const answers = {
    'GET /v1/containers/web': containerView(),
    [`GET /v1/containers/${id}`]: containerView({ status: 'Stopped' }),
    [`POST /v1/containers/${id}/stop?timeout=10`]: null,
    [`POST /v1/containers/${id}/start`]: null,
    [`DELETE /v1/containers/${id}?stop=true&force=false`]: null,
  };
  const cli = createCliScene({ answers });
  cli.tell(
    changed('stopping.attempting', 'Running', {
      taskState: 'container_stopping',
      reason: 'The engine stops it',
    }),
    changed('stopped', 'Stopped'),
  );
  t.equal(await cli.run('stop', '--wait', 'web'), 0);
  t.equal(cli.err, 'stopping web\n  stopping.attempting: The engine stops it\n  stopped\n');

  const gone = createCliScene({
    answers: { ...answers, [`GET /v1/containers/${id}`]: new ApiError(404, 'gone') },
  });
  gone.tell(changed('removing.stopping', 'Deleting'), changed('deleted', 'Deleted', { ended: true }));
  t.equal(await gone.run('rm', '--stop', '--wait', 'web'), 0);
  t.match(gone.err, /deleting web\n {2}removing\.stopping\n {2}deleted\n$/);
  const fast = createCliScene({
    answers: { ...answers, [`GET /v1/containers/${id}`]: new ApiError(404, 'gone') },
  });
  fast.tell({ type: 'snapshot', position: '1', items: [] });
  t.equal(await fast.run('rm', '--stop', '--wait', 'web'), 0);
  t.equal(fast.err, 'deleting web\n  deleted\n', 'what is gone before it is looked at is told, too');

  const failing = createCliScene({
    answers: {
      ...answers,
      [`GET /v1/containers/${id}`]: containerView({ status: 'Error', status_reason: 'no such image' }),
    },
  });
  failing.tell(changed('error', 'Error'));
  t.equal(await failing.run('start', '--wait', 'web'), 1);
  t.match(failing.err, /troupe: "web" failed: no such image\n$/);
});
