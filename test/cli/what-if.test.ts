/** `troupe what-if`: events as people write them, and what would follow as they read it. */
import t from 'tap';
import { createCliScene } from './scene.ts';

const step = (by: number | null, kind: string, address: string, type: string, from: string, to: string) => ({
  by, kind, address, event: { type }, answer: 'accepted', reason: null, from: [from], to: [to], starts: [],
}); // prettier-ignore

const answer = {
  steps: [
    step(null, 'asked', 'container/p/c', 'container.delete', 'running.up', 'removing.stopping'),
    step(0, 'effect', 'container/p/c', 'xstate.done.actor.removeStop', 'removing.stopping', 'deleted'),
    step(1, 'message', 'tenant/p', 'tenant.release', 'quota.settled', 'quota.settled'),
  ],
  actors: [
    {
      address: 'container/p/c', name: 'web', from: ['running.up'], to: ['deleted'], statusBefore: 'Running', status: 'Deleted',
      reason: null, begins: false, ends: true, waitsFor: [{ description: 'nobody' }],
    },
  ],
  isCut: true,
}; // prettier-ignore

const offered = [
  { type: 'container.stop', graceMs: 1, answer: 'accepted', reason: null, to: [], starts: [], roles: [] },
  { type: 'container.delete', mode: 'stop', graceMs: 1, answer: 'accepted', reason: null, to: [], starts: [], roles: [] },
  { type: 'container.delete', mode: 'force', graceMs: 0, answer: 'accepted', reason: null, to: [], starts: [], roles: [] },
]; // prettier-ignore

const scene = () =>
  createCliScene({
    answers: {
      'GET /v1/containers/web/lifecycle': { allowedEvents: offered },
      'POST /v1/what-if': answer,
    },
  });

t.test('events as they are offered, in order, and a host’s loss', async (t) => {
  const cli = scene();
  t.equal(await cli.run('what-if', 'container/web/delete:stop', 'host/h7/lost', '--deadlines', 'pass'), 0);
  t.strictSame(cli.body('POST /v1/what-if?effects=succeed&deadlines=pass'), {
    events: [
      { kind: 'container', id: 'web', event: { type: 'container.delete', mode: 'stop', graceMs: 1 } },
      { kind: 'host', id: 'h7', event: { type: 'link.closed' } },
    ],
  });
  t.equal(
    cli.out,
    `container web: container.delete, → removing.stopping
container web: removeStop done, → deleted
  tenant p: tenant.release, stays
… and more than is tried out at once.

Then:
  container web: Running → ended (deleted)
    waits for nobody
`,
  );
  t.equal(await cli.run('what-if', '-o', 'json', 'container/web/stop'), 0);
  t.strictSame(JSON.parse(cli.out), answer);
});

t.test('what is no event, or not one alone, is told with those there are', async (t) => {
  const cli = scene();
  t.equal(await cli.run('what-if', 'container/web'), 2);
  t.match(cli.err, /write kind\/name\/event/);
  t.equal(await cli.run('what-if', 'container/web/delete'), 2);
  t.match(cli.err, /container "web" takes one of these: delete:stop, delete:force/);
  t.equal(await cli.run('what-if', 'container/web/fly'), 2);
  t.match(cli.err, /stop, delete:stop, delete:force/);
  t.equal(await cli.run('what-if', 'container/nobody/stop'), 3);
});
