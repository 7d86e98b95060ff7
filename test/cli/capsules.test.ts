/** Capsules on the command line: a template from a file, and members one a line. */
import t from 'tap';
import { containerView, createCliScene } from './scene.ts';

const capsule = {
  uuid: '22222222-2222-3333-4444-555555555555',
  name: 'pod',
  status: 'Running',
  status_reason: null,
  init_containers: [containerView({ name: 'capsule-pod-setup', status: 'Stopped', restarts: 0 })],
  containers: [containerView({ name: 'capsule-pod-web', restarts: 2 })],
};
const files = {
  'pod.yaml': 'kind: capsule\nmetadata: {name: pod}\nspec:\n  containers:\n  - image: busybox\n',
  'pod.json': '{"kind": "capsule"}',
  'odd.yaml': 'kind: [capsule',
};
const answers = {
  'POST /v1/capsules': capsule,
  'GET /v1/capsules': { capsules: [capsule] },
  'GET /v1/capsules/pod': capsule,
  'DELETE /v1/capsules/pod': null,
};

t.test('a template is read as YAML or JSON and sent as it is', async (t) => {
  const cli = createCliScene({ answers, files });
  t.equal(await cli.run('capsule', 'create', '--file', 'pod.yaml', '-o', 'json'), 0);
  t.same(cli.body('POST /v1/capsules'), {
    template: { kind: 'capsule', metadata: { name: 'pod' }, spec: { containers: [{ image: 'busybox' }] } },
  });
  t.same(JSON.parse(cli.out), capsule);
  t.equal(await cli.run('capsule', 'create', '-f', 'pod.json'), 0);
  t.equal(await cli.run('capsule', 'create', '-f', 'none.yaml'), 2);
  t.match(cli.err, /"none.yaml" can't be read: ENOENT/);
  t.equal(await cli.run('capsule', 'create', '-f', 'odd.yaml'), 2);
  t.match(cli.err, /"odd.yaml" is no YAML/);
  t.equal(await cli.run('capsule', 'create'), 2);
});

t.test('list, show and delete', async (t) => {
  const cli = createCliScene({ answers });
  await cli.run('capsule', 'ls');
  t.match(cli.out, /^ID +NAME +STATUS +CONTAINERS +REASON\n22222222\S+ +pod +Running +1\n$/);
  await cli.run('capsule', 'show', 'pod');
  t.match(cli.out, /name +pod\n/);
  t.match(cli.out, /capsule-pod-setup +init +Stopped +0/);
  t.match(cli.out, /capsule-pod-web +Running +2/);
  t.equal(await cli.run('capsule', 'rm', 'pod'), 0);
  t.equal(cli.err, 'pod is being deleted\n');
});
