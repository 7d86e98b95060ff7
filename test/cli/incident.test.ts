/** `troupe incident`: which incident is asked for, and the tree as it is read. */
import t from 'tap';
import { createCliScene } from './scene.ts';

const step = (by: number | null, address: string, name: string | null, revision: number, type: string, to: string) => ({
  by, address, name, revision, at: 1_000 * revision, event: { type }, cause: { kind: 'agent', hostId: 'h' }, from: ['x'], to: [to],
  refused: null, isAsked: revision === 4,
}); // prettier-ignore

const incident = {
  requestId: null,
  steps: [
    step(null, 'host/h', 'h1', 1, 'link.closed', 'link.suspect'),
    step(0, 'host/h', 'h1', 2, 'xstate.done.actor.suspect.deadline', 'link.lost.telling'),
    step(1, 'host/h', 'h1', 3, 'xstate.done.actor.tellContainers', 'link.lost.told'),
    step(1, 'container/p/c', 'web', 4, 'host.lost', 'lost'),
    { ...step(3, 'tenant/p', null, 5, 'tenant.release', 'x'), refused: 'No' },
  ],
  isCut: true,
};

t.test(
  'the tree: what others did stands under what led to it, what one actor goes through below each other',
  async (t) => {
    const cli = createCliScene({ answers: { 'GET /v1/hosts/h1/incident': incident } });
    t.equal(await cli.run('incident', 'host/h1@3'), 0);
    t.equal(cli.calls.at(-1), 'GET /v1/hosts/h1/incident?revision=3');
    t.equal(
      cli.out,
      `1970-01-01T00:00:01.000Z   host h1@1: link.closed, → link.suspect (host h)
1970-01-01T00:00:02.000Z   host h1@2: suspect.deadline done, → link.lost.telling
1970-01-01T00:00:04.000Z *   container web@4: host.lost, → lost
1970-01-01T00:00:05.000Z       tenant p@5: tenant.release, refused: No
1970-01-01T00:00:03.000Z   host h1@3: tellContainers done, → link.lost.told
… and more than is looked through at once.
`,
    );
    t.equal(await cli.run('incident', 'host/h1', '-o', 'json'), 0);
    t.strictSame(JSON.parse(cli.out), incident);
  },
);

t.test('by request, by any kind of actor, and what is neither', async (t) => {
  const cli = createCliScene({
    answers: { 'GET /v1/incidents': incident, 'GET /v1/sandboxes/s/incident': incident },
  });
  t.equal(await cli.run('incident', 'req-1'), 0);
  t.equal(cli.calls.at(-1), 'GET /v1/incidents?request_id=req-1');
  t.equal(await cli.run('incident', 'sandbox/s'), 0);
  t.equal(await cli.run('incident', 'web'), 2);
  t.match(cli.err, /write req-…, or kind\/name/);
  t.equal(await cli.run('incident', 'pod/web'), 2);
});
