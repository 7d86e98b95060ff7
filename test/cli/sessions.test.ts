/** `troupe exec` and `troupe attach`: what is asked, typed, shown, and exited with. */
import { split } from 'shlex';
import t from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { createDetachFilter, parseDetachKeys } from '../../src/cli/detach-keys.ts';
import { changed, containerView, createCliScene, type CliSceneOptions } from './scene.ts';

const { uuid } = containerView();
const path = `/v1/containers/${uuid}`;
const execute = `POST ${path}/execute`;
const execId = 'e'.repeat(64);

const scene = (options: CliSceneOptions = {}) =>
  createCliScene({
    ...options,
    answers: {
      'GET /v1/containers/web': containerView(),
      [execute]: { exec_id: execId, proxy_url: 'ws://api:1/v1/sessions?token=t' },
      [`POST ${path}/execute_resize`]: null,
      [`GET ${path}/attach`]: 'ws://api:1/v1/sessions?token=a',
      [`POST ${path}/resize`]: null,
      ...options.answers,
    },
  });

t.test('exec shows what its command writes, and exits as it does', async (t) => {
  const cli = scene();
  const running = cli.run('exec', 'web', 'sh', '-c', "echo 'it''s'; exit 3");
  const session = await cli.session();
  const { command, ...rest } = cli.body(execute) as { command: string };
  t.same(split(command), ['sh', '-c', "echo 'it''s'; exit 3"], 'as a shell splits it');
  t.same(rest, { run: false, interactive: false, tty: false });
  session.show('its\n');
  session.exit(3);
  t.equal(await running, 3);
  t.equal(cli.out, 'its\n');
  t.same(cli.raws, [], 'the keyboard is left alone');
});

t.test('exec -i hands on its stdin, and the end of it', async (t) => {
  const cli = scene();
  const running = cli.run('exec', '-i', 'web', 'wc');
  const session = await cli.session();
  t.match(cli.body(execute), { interactive: true, tty: false });
  cli.type('all of it\u0010\u0011');
  await session.took('all of it\u0010\u0011');
  cli.endTyping();
  await session.took('<end>');
  session.show('1 3 9\n');
  session.exit(0);
  t.equal(await running, 0);
  t.equal(cli.out, '1 3 9\n');
});

t.test('exec -it is a terminal of this size, raw while it lasts', async (t) => {
  const size = { rows: 24, columns: 80 };
  const cli = scene({ size });
  const running = cli.run('exec', '-it', 'web', 'sh');
  const session = await cli.session();
  t.match(cli.body(execute), { interactive: true, tty: true });
  const resized = `POST ${path}/execute_resize?exec_id=${execId}&h=24&w=80`;
  t.ok(cli.calls.indexOf(resized) < cli.calls.indexOf('SESSION ws://api:1/v1/sessions?token=t'), 'from the first'); // prettier-ignore
  cli.type('\u0003exit\r');
  await session.took('\u0003exit\r');
  size.columns = 132;
  cli.resize();
  await cli.asked(`POST ${path}/execute_resize?exec_id=${execId}&h=24&w=132`);
  t.same(cli.raws, ['raw']);
  session.exit(130);
  t.equal(await running, 130);
  t.same(cli.raws, ['raw', 'cooked']);
});

t.test('attach is the container’s own terminal; its keys leave it', async (t) => {
  const cli = scene({ size: { rows: 24, columns: 80 } });
  const running = cli.run('attach', 'web');
  const session = await cli.session();
  session.show('$ ');
  await cli.asked(`POST ${path}/resize?h=24&w=80`);
  t.ok(cli.calls.includes(`POST ${path}/resize?h=25&w=80`), 'what runs there draws itself anew');
  cli.type('ls\u0010');
  await session.took('ls');
  cli.type('\u0011never sent');
  await session.took('<left>');
  t.equal(await running, 0);
  t.match(cli.err, 'left web; it runs on\n');
  t.same(cli.raws, ['raw', 'cooked']);

  const own = scene({ size: { rows: 24, columns: 80 } });
  const leaving = own.run('attach', '--detach-keys', 'ctrl-a,d', 'web');
  const other = await own.session();
  own.type('\u0010\u0011\u0001d');
  await other.took('\u0010\u0011<left>');
  t.equal(await leaving, 0);
});

t.test('attach --no-stdin only sees, and exits as the container does', async (t) => {
  const cli = scene({ answers: { 'GET /v1/containers/web': containerView({ tty: false }) } });
  const running = cli.run('attach', '--no-stdin', 'web');
  const session = await cli.session();
  cli.endTyping();
  session.show('seen');
  session.exit(5);
  t.equal(await running, 5);
  t.equal(cli.out, 'seen');
  t.notOk(cli.calls.some((call) => call.includes('resize')));
});

t.test('what fails is told, with its exit code, and the keyboard is put back', async (t) => {
  const cli = scene({ size: { rows: 24, columns: 80 } });
  const running = cli.run('exec', '-it', 'web', 'sh');
  (await cli.session()).fail(new ApiError(503, 'The stream was cut off'));
  t.equal(await running, 7);
  t.match(cli.err, 'troupe: The stream was cut off\n');
  t.same(cli.raws, ['raw', 'cooked']);

  const unknown = scene();
  const ending = unknown.run('exec', 'web', 'true');
  (await unknown.session()).exit(null);
  t.equal(await ending, 1);
  t.match(unknown.err, /exit code is not known/);

  t.equal(await scene().run('exec', '-it', 'web', 'sh'), 2, 'no terminal here');
  for (const keys of ['', 'ctrl-', 'ctrl-1', 'ab', 'ctrl-p,,x'])
    t.equal(await scene().run('attach', '--detach-keys', keys, 'web'), 2, keys);
  const refused = scene({
    answers: {
      [`GET ${path}/attach`]: new ApiError(400, 'not interactive', null, 'container.no-interactive-flag'),
    },
  });
  t.equal(await refused.run('attach', 'web'), 2);
});

t.test('keys that leave, as Docker writes them', (t) => {
  t.same(parseDetachKeys('ctrl-p,ctrl-q'), [16, 17]);
  t.same(parseDetachKeys('ctrl-@,ctrl-Z,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,~,.'), [0, 26, 27, 28, 29, 30, 31, 126, 46]); // prettier-ignore
  const filter = createDetachFilter(parseDetachKeys('a,a,b'));
  const feed = (text: string) => {
    const { pass, detached } = filter.feed(Buffer.from(text));
    return `${String(pass)}${detached ? '!' : ''}`;
  };
  t.equal(feed('xa'), 'x', 'what may be their beginning waits');
  t.equal(feed('a'), '');
  t.equal(feed('a'), 'a', 'and is handed on when it is not');
  t.equal(feed('b'), '!');
  t.equal(feed('aaaabx'), 'aa!');
  t.end();
});

t.test('run -it is at the container’s own terminal, from its start to its end', async (t) => {
  const size = { rows: 24, columns: 80 };
  const made = containerView({ status: 'Stopped', exit_code: 4 });
  const answers = { 'POST /v1/containers': containerView(), [`GET ${path}`]: made };
  const cli = scene({ size, answers });
  const running = cli.run('run', '-it', 'busybox', 'sh');
  cli.tell(changed('running.up', 'Running'));
  const session = await cli.session();
  t.match(cli.body('POST /v1/containers?run=true'), { interactive: true, tty: true });
  cli.type('exit 4\r');
  await session.took('exit 4\r');
  session.show('bye\n');
  session.exit(4);
  cli.tell(changed('stopped', 'Stopped'));
  t.equal(await running, 4);
  t.equal(cli.out, 'bye\n', 'shown once');

  const left = scene({ size, answers });
  const leaving = left.run('run', '-it', 'busybox', 'sh');
  left.tell(changed('running.up', 'Running'));
  const other = await left.session();
  left.type('\u0010\u0011');
  await other.took('<left>');
  t.equal(await leaving, 0);
  t.match(left.err, /left web; it runs on\n$/);
  t.same(left.raws, ['raw', 'cooked']);

  const quick = scene({
    size,
    answers: { ...answers, [`GET ${path}/attach`]: new ApiError(409, 'Cannot attach') },
    streams: { [`${path}/logs?follow=true`]: ['all that it said\n'] },
  });
  const short = quick.run('run', '-it', 'busybox', 'true');
  quick.tell(changed('running.up', 'Running'));
  await quick.asked(`GET ${path}/attach`);
  quick.tell(changed('stopped', 'Stopped'));
  t.equal(await short, 4);
  t.equal(quick.out, 'all that it said\n', 'one that was too quick is shown as it was');
  t.equal(await scene().run('run', '-it', 'busybox'), 2, 'no terminal here');
  for (const alone of ['-i', '-t']) t.equal(await scene({ size }).run('run', alone, 'busybox'), 2, alone);
});
