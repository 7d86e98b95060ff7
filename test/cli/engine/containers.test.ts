/** The verbs of containers by the real command against a real engine. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { projectFolder } from '../../support/project.ts';
import { createCommandSite, removeContainers, testImage } from './command-site.ts';

const execute = promisify(execFile);
t.setTimeout(300_000);

const site = await createCommandSite(t);
const up = await site.run('up', '--detach');
t.equal(up.code, 0, up.err);
// Teardowns run last first.
t.teardown(() => removeContainers(site));

interface View {
  readonly uuid: string;
  readonly name: string;
  readonly status: string;
}

t.test('in the foreground: output, exit code, and nothing left with --rm', async (t) => {
  const ended = await site.run(
    'run',
    '--rm',
    '--name',
    'once',
    testImage,
    'sh',
    '-c',
    'echo gräßlich; echo b >&2; exit 7',
  );
  t.equal(ended.code, 7, ended.err);
  t.match(ended.out, 'gräßlich\n');
  t.match(ended.out, 'b\n');
  t.match(ended.err, /once \([0-9a-f-]{36}\)\n/);
  t.match(ended.err, /stopped: it exited with 7/);
  const list = await site.json<readonly View[]>('list');
  t.notOk(list.some(({ name, status }) => name === 'once' && status !== 'Deleting'));
  const quick = await site.run('run', '--rm', testImage, 'echo', 'quick');
  t.match(quick, { code: 0, out: 'quick\n' });
});

t.test('what can not be started is 125, with the reason', async (t) => {
  const ended = await site.run('run', '--rm', testImage, 'no-such-command');
  t.equal(ended.code, 125);
  t.match(ended.err, /troupe: ".*" failed: .*"no-such-command" is not in the image.*; see "troupe why/);
});

t.test('Ctrl-C stops it, and its exit code is ours', async (t) => {
  const command = site.start(
    'run',
    '--name',
    'interrupted',
    testImage,
    'sh',
    '-c',
    'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done',
  );
  // Alone in its line: a step on the way there is called "made ready".
  await command.written(/^ready$/m);
  command.child.kill('SIGINT');
  const ended = await command.ended;
  t.equal(ended.code, 3, ended.err);
  t.match(ended.err, /stopping interrupted; Ctrl-C again leaves it/);
  t.match(await site.json('show', 'interrupted'), { status: 'Stopped', exit_code: 3 });
  t.equal((await site.run('rm', '--wait', 'interrupted')).code, 0);
});

t.test('detached: list, show, why, history, logs, stop, start, rm', async (t) => {
  const made = await site.run(
    'run',
    '-d',
    '--name',
    'web',
    '-l',
    'team=blue',
    '-e',
    'GREETING=hi',
    '--memory',
    '32',
    testImage,
    'sh',
    '-c',
    'i=0; while :; do echo line $((i=i+1)) $GREETING; sleep 0.1; done',
  );
  t.equal(made.code, 0, made.err);
  const uuid = made.out.trim();
  t.match(await site.json('list'), [{ uuid, name: 'web', status: 'Running', labels: { team: 'blue' } }]);
  t.match((await site.run('ps')).out, new RegExp(`^ID +NAME .*\n${uuid.slice(0, 8)} +web +Running `));
  t.match(await site.json('show', uuid.slice(0, 8)), { uuid });
  t.match(
    (await site.run('why', 'web')).out,
    /^web is Running \(running\.up\) since .*\nWhat would move it:\n {2}container\.stop, accepted/,
  );
  const history = await site.json<readonly object[]>('history', 'web');
  t.match(history, [{ event: { type: 'actor.created' } }]);
  t.match((await site.run('logs', '--tail', '1', 'web')).out, /^line \d+ hi\n$/);
  const following = site.start('logs', '-f', 'web');
  await following.written(/line 1 hi\n(.*\n)*line 9 hi\n/);
  following.child.kill('SIGINT');
  await following.ended;

  t.match((await site.run('stop', '-t', '1', '--wait', 'web')).err, /stopping web\n(.*\n)* {2}stopped: /);
  t.match(await site.json('show', 'web'), { status: 'Stopped' });
  t.match(await site.run('stop', 'web'), {
    code: 5,
    err: /Cannot stop container .* in Stopped state: .* \(req-[0-9a-f-]+\)/,
  });
  t.equal((await site.run('start', '--wait', 'web')).code, 0);
  t.match(await site.run('rm', 'web'), { code: 5, err: /delete it with stop or force/ });
  t.match(await site.run('rm', '-f', '--wait', 'web'), { code: 0, err: /deleting web\n(.*\n)* {2}deleted/ });
  t.match(await site.run('show', 'web'), { code: 3, err: /could not be found/ });
  t.same(await site.json('audit'), []);
});

t.test('a volume for a container that runs: waited for, refused while it is used, taken back', async (t) => {
  t.equal((await site.run('run', '--detach', '--name', 'late', testImage, 'sleep', '600')).code, 0);
  t.equal((await site.run('volume', 'create', 'data')).code, 0);
  const { uuid } = await site.json<View>('show', 'late');
  const attached = await site.run('volume', 'attach', '--wait', 'late', 'data', '/data');
  t.match(attached, { code: 0, err: /attaching "data": late\n(.*\n)* {2}running/ });
  t.equal((await site.run('exec', 'late', 'sh', '-c', 'sleep 300 >/data/log & echo $! >/tmp/pid')).code, 0);
  t.match(await site.run('volume', 'detach', '--wait', 'late', 'data'), {
    code: 1,
    err: /"data" was not detached: .*sleep/,
  });
  t.equal((await site.run('exec', 'late', 'sh', '-c', 'kill $(cat /tmp/pid)')).code, 0);
  t.equal((await site.run('volume', 'detach', '--wait', 'late', 'data')).code, 0);
  t.equal((await site.run('rm', '-f', '--wait', uuid)).code, 0);
  t.equal((await site.run('volume', 'rm', 'data')).code, 0);
});

t.test('a bad request is told by field, value and rule, with exit code 2', async (t) => {
  t.match(await site.run('run', '-d', '--memory', '1', testImage), {
    code: 2,
    err: /Invalid input for field 'memory'\. Value: '1'/,
  });
  t.match(await site.run('run', '-d', '--cpu', 'many', testImage), {
    code: 2,
    err: /field 'cpu'\. Value: 'many'/,
  });
  t.match(await site.run('run', '-d', '--restart', 'sometimes', testImage), {
    code: 2,
    err: /restart_policy/,
  });
  t.match(await site.runWith({ TROUPE_QUOTA__CPU: '1' }, 'logs', '--tail', 'x', 'nobody'), { code: 3 });
});

t.test('a watch and a run go on over a restart of Troupe', async (t) => {
  const watch = site.start('watch', '-o', 'json', '--kind', 'container');
  await watch.written(/"type":"snapshot"/);
  const running = site.start(
    'run',
    '--name',
    'across',
    testImage,
    'sh',
    '-c',
    'echo before; until [ -e /tmp/go ]; do sleep 0.1; done; exit 4',
  );
  await running.written(/before/);
  const again = await site.run('down').then(() => site.run('up', '-d'));
  t.equal(again.code, 0, again.err);
  t.equal((await site.run('exec', 'across', 'touch', '/tmp/go')).code, 0);
  const ended = await running.ended;
  t.equal(ended.code, 4, ended.err);
  t.match(
    ended.err,
    /the watch was cut \(.*\); it goes on after its last position\n(.*\n)* {2}the watch is back/,
  );
  await watch.written(/"event":"runtime\.exited"[^\n]*"to":\["stopped"\]/);
  watch.child.kill('SIGINT');
  const { out, err } = await watch.ended;
  t.match(err, /^troupe: the watch was cut .*\ntroupe: the watch is back\n$/m);
  const positions = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { position?: string }).position);
  t.equal(new Set(positions).size, positions.length, 'nothing twice');
  t.equal((await site.run('rm', '--wait', 'across')).code, 0);
});

t.test('a chart is the one that is run', async (t) => {
  const { out } = await site.run('chart', 'container', '--format', 'mermaid');
  t.match(out, /^stateDiagram-v2\n/);
  t.match(out, 'container_running --> container_stopping : container.stop');
});

t.test('a shell completes commands, options and names', async (t) => {
  await site.run('run', '-d', '--name', 'completed', testImage, 'sleep', '600');
  const bin = join(projectFolder(), 'bin');
  // What bash-completion would give the function; the package may not be here.
  const script = `
    _get_comp_words_by_ref() { cur="\${COMP_WORDS[COMP_CWORD]}"; prev="\${COMP_WORDS[COMP_CWORD-1]}"; words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
    complete() { builtin complete "$@" 2>/dev/null || true; }
    compopt() { :; }
    source <(troupe complete bash)
    for line in "troupe sto" "troupe stop comp" "troupe run --na"; do
      COMP_WORDS=($line); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); COMPREPLY=()
      __troupe_complete
      echo "$line -> \${COMPREPLY[*]}"
    done`;
  const { stdout } = await execute('bash', ['-c', script], {
    env: { PATH: `${bin}:${process.env['PATH']}`, HOME: site.directory, TROUPE_CONFIG_FILE: site.configFile },
  });
  t.match(stdout, /^troupe sto -> .*stop.*store/m);
  t.match(stdout, /^troupe stop comp -> completed/m);
  t.match(stdout, /^troupe run --na -> --name/m);
  for (const shell of ['zsh', 'fish', 'powershell'])
    t.match(await site.run('complete', shell), { code: 0, out: /troupe/ });
});
