import t from 'tap';
import { capsuleChart } from '../../src/machines/capsule.machine.ts';
import type { CapsuleContext } from '../../src/machines/capsule/context.ts';
import type { CapsuleInput } from '../../src/model/capsule-events.ts';
import { became, capsuleHoldings, capsuleInput, capsuleSubject } from './capsule-space.ts';
import { common } from './common-proofs.ts';
import { containerInput, granted } from './container-samples.ts';
import { explore, proofs, releasesEverything } from './proofs.ts';
import { walk } from './walk.ts';

t.setTimeout(300_000);

const statuses = ['Creating', 'Running', 'Stopped', 'Error', 'Unknown', 'Deleting', 'Deleted'];

t.test('the capsule chart', async (t) => {
  const space = explore(capsuleSubject);
  common(t, 'capsule', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to deleted');
  t.same(
    proofs.isAnsweredEverywhere(space, ({ type }) => type === 'capsule.delete'),
    [],
    'delete is accepted everywhere',
  );
  t.same(
    releasesEverything(space, capsuleHoldings, ['reservation', 'claim']),
    [],
    'whatever was acquired is released, once',
  );
  t.same(
    proofs.projectionIsTotal(space, statuses, (status) => status !== 'Running'),
    [],
    'its status is total, and what does not run says why',
  );
  t.same(
    [...space.configurations.values()]
      .filter(
        ({ snapshot }) =>
          snapshot.status === 'done' &&
          (snapshot.context as CapsuleContext).members.some(({ is }) => is !== 'gone'),
      )
      .map(({ paths }) => paths),
    [],
    'it never goes before its members',
  );
  t.same(
    space.steps
      .filter(({ from, to, emitted }) => {
        const { members } = to.snapshot.context as CapsuleContext;
        const isInitDone = members.every(
          ({ isInit, is, exitCode }) => !isInit || (is === 'ended' && exitCode === 0),
        );
        return (
          !isInitDone &&
          // Where they had, and one of them is started anew.
          !from.paths.some((path) => path.startsWith('active')) &&
          emitted.some(
            (each) =>
              each.type === 'message' &&
              each.event.type === 'capsule.called' &&
              members.some(({ containerId, isInit }) => !isInit && each.to.endsWith(`/${containerId}`)),
          )
        );
      })
      .map(({ from }) => from.paths),
    [],
    'nobody is called before all init containers have come to their end',
  );
});

const ranked = { candidates: containerInput.candidates, refusals: [], mayChange: false };
const begin = (changes: Partial<CapsuleInput> = {}) => walk(capsuleChart, { ...capsuleInput, ...changes });
const placed = (changes: Partial<CapsuleInput> = {}) => {
  const capsule = begin(changes);
  for (const { containerId } of (capsule.context as unknown as CapsuleContext).members)
    capsule.send(became(containerId, 'waiting'));
  return capsule.done('rankHosts', ranked).send(granted);
};
const housed = (changes: Partial<CapsuleInput> = {}) => {
  const capsule = placed(changes);
  const { sandboxId } = capsule.context as unknown as CapsuleContext;
  return capsule.send({ type: 'sandbox.granted', sandboxId, engineId: 'e1', ports: [] });
};
const messages = (walked: ReturnType<typeof walk>) =>
  walked.emitted.flatMap((each) => (each.type === 'message' ? [`${each.event.type} to ${each.to}`] : []));

const pair: Partial<CapsuleInput> = {
  members: [
    { containerId: 'c1', name: 'web', isInit: false },
    { containerId: 'c2', name: 'log', isInit: false },
  ],
};

t.test('it is placed as one, has one sandbox, and calls its members in their order', async (t) => {
  const capsule = begin({
    members: [
      { containerId: 'i1', name: 'one', isInit: true },
      { containerId: 'i2', name: 'two', isInit: true },
      { containerId: 'c1', name: 'web', isInit: false },
      { containerId: 'c2', name: 'log', isInit: false },
    ],
  });
  t.same(messages(capsule), ['tenant.confirm to tenant/p1']);
  t.same(capsule.paths, ['gathering.awaiting']);
  for (const id of ['i1', 'i2', 'c1', 'c2']) capsule.send(became(id, 'waiting'));
  t.same(capsule.paths, ['placing.choosing'], 'once all are written down');
  capsule.done('rankHosts', ranked);
  t.same(messages(capsule), ['host.claim to host/h1']);
  capsule.send(granted);
  t.same(capsule.paths, ['opening.asking']);
  const { sandboxId } = capsule.context as unknown as CapsuleContext;
  capsule.send({ type: 'sandbox.granted', sandboxId, engineId: 'e1', ports: [] });
  t.same(messages(capsule), ['capsule.called to container/p1/i1']);
  t.equal(capsule.status, 'Creating');
  capsule.send(became('i1', 'running'));
  t.same(messages(capsule), []);
  capsule.send(became('i1', 'ended', 0));
  t.same(messages(capsule), ['capsule.called to container/p1/i2']);
  capsule.send(became('i2', 'running')).send(became('i2', 'ended', 0));
  t.same(messages(capsule), ['capsule.called to container/p1/c1', 'capsule.called to container/p1/c2']);
  t.equal(capsule.status, 'Creating');
  capsule.send(became('c1', 'running'));
  t.equal(capsule.status, 'Creating');
  capsule.send(became('c2', 'running'));
  t.equal(capsule.status, 'Running');
  t.equal(capsule.reason, null);
});

t.test('an init container that fails fails it, and those that wait are told', async (t) => {
  const capsule = housed().send(became('i1', 'restarting', null, 'Restarting: it exited with 1'));
  t.same(capsule.paths, ['initialising.awaiting'], 'its restart policy comes first');
  t.match(capsule.reason, /"setup": Restarting/);
  capsule.send(became('i1', 'ended', 1, 'it exited with 1; its restart policy is "no"'));
  t.equal(capsule.status, 'Error');
  t.match(capsule.reason, /Its init container "setup" failed: it exited with 1; its restart policy is "no"/);
  t.same(messages(capsule), ['capsule.failed to container/p1/c1']);
  capsule.send(became('c1', 'waiting'));
  t.same(messages(capsule), ['capsule.failed to container/p1/c1'], 'also when it asks again');
});

t.test('what its members are is what it is', async (t) => {
  const capsule = housed(pair).send(became('c1', 'running')).send(became('c2', 'running'));
  capsule.send(became('c2', 'restarting', null, 'Restarting: it exited with 137'));
  t.equal(capsule.status, 'Running');
  t.equal(capsule.reason, '"log": Restarting: it exited with 137');
  capsule.send(became('c2', 'ended', 0)).send(became('c1', 'ended', 3));
  t.equal(capsule.status, 'Stopped');
  capsule.send(became('c1', 'unknown'));
  t.equal(capsule.status, 'Unknown');
  capsule.send(became('c1', 'failed', null, 'No such image'));
  t.equal(capsule.status, 'Error');
  t.match(capsule.reason, /"web": No such image/);
});

t.test('a sandbox that a member could not join is made again once, and all are told', async (t) => {
  const capsule = housed(pair).send(became('c1', 'running')).send(became('c2', 'restarting'));
  const { sandboxId } = capsule.context as unknown as CapsuleContext;
  const its = { sandboxId, engineId: 'e2', ports: [] };
  capsule.send({ type: 'sandbox.claim', containerId: 'c2', isSuspect: false });
  t.same(messages(capsule), ['sandbox.granted to container/p1/c2'], 'what is sound is granted at once');
  capsule.send({ type: 'sandbox.broken', sandboxId, reason: 'its process has ended' });
  t.same(messages(capsule), ['sandbox.broken to container/p1/c1', 'sandbox.broken to container/p1/c2']);
  t.match(capsule.reason, /Its network is gone: its process has ended/);
  capsule.send({ type: 'sandbox.claim', containerId: 'c2', isSuspect: true });
  t.same(messages(capsule), [`sandbox.claim to sandbox/p1/${sandboxId}`]);
  capsule.send({ type: 'sandbox.claim', containerId: 'c1', isSuspect: true });
  t.same(messages(capsule), [], 'for both');
  capsule.send({ type: 'sandbox.granted', ...its });
  t.match(
    capsule.emitted,
    ['c1', 'c2'].map((id) => ({
      to: `container/p1/${id}`,
      event: { type: 'sandbox.granted', isRemade: true, engineId: 'e2' },
    })),
  );
});

t.test('it goes after its members, and says who keeps it', async (t) => {
  const capsule = housed(pair).send(became('c1', 'running')).send(became('c2', 'running'));
  capsule.send({ type: 'capsule.delete' });
  t.same(messages(capsule), ['capsule.deleted to container/p1/c1', 'capsule.deleted to container/p1/c2']);
  t.equal(capsule.status, 'Deleting');
  capsule.send(became('c1', 'gone')).done('members.deadline', { at: 0 });
  t.match(capsule.reason, /waiting for "log" on host "one"/);
  t.same(messages(capsule), ['tenant.release to tenant/p1'], 'the quota is given back meanwhile');
  capsule.done('stuck.pause', { at: 0 });
  t.same(messages(capsule), ['capsule.deleted to container/p1/c2'], 'who is there still is asked again');
  const { sandboxId } = capsule.context as unknown as CapsuleContext;
  capsule.send(became('c2', 'gone'));
  t.same(messages(capsule), [`sandbox.release to sandbox/p1/${sandboxId}`, 'host.release to host/h1']);
  t.equal(capsule.status, 'Deleted');
});

t.test('what was not written down in full is taken back', async (t) => {
  const capsule = begin().send(became('i1', 'waiting')).done('gathering.deadline', { at: 0 });
  t.same(messages(capsule), ['capsule.deleted to container/p1/i1', 'capsule.deleted to container/p1/c1']);
  const bounced = { type: 'message.undeliverable', to: 'container/p1/c1', gone: false, message: { type: 'capsule.deleted' } }; // prettier-ignore
  capsule.send(bounced).send(became('i1', 'gone'));
  t.equal(capsule.status, 'Deleted');
  t.same(messages(capsule), ['tenant.release to tenant/p1']);
});

t.test('one that the store forgot is taken up as it is: nobody who runs is started anew', async (t) => {
  const found = {
    hostId: 'h1',
    hostname: 'one',
    networks: capsuleInput.networks,
    sandboxId: 's2',
    sandboxesAsked: 2,
  };
  const its = { sandboxId: 's2', engineId: 'e1', ports: [] };
  const capsule = begin({ found });
  t.same(messages(capsule), [
    'tenant.confirm to tenant/p1',
    'host.keep to host/h1',
    'sandbox.claim to sandbox/p1/s2',
  ]);
  t.equal(capsule.status, 'Unknown');
  capsule.send({ type: 'sandbox.claim', containerId: 'i1', isSuspect: false });
  t.same(messages(capsule), [], 'its sandbox has been asked already');
  capsule.send({ type: 'sandbox.granted', ...its });
  t.match(capsule.emitted, [{ to: 'container/p1/i1', event: { type: 'sandbox.granted', isRemade: false } }]);
  capsule.send(became('i1', 'ended', 0)).send(became('c1', 'running'));
  t.same(messages(capsule), [], 'nobody is called who was');
  t.equal(capsule.status, 'Running');

  const early = begin({ found }).send({ type: 'sandbox.granted', ...its });
  early.send(became('c1', 'waiting')).send(became('i1', 'ended', 0));
  t.same(messages(early), ['capsule.called to container/p1/c1'], 'who was not is');

  const back = begin().send({ type: 'capsule.found', ...found });
  t.same(
    messages(back),
    ['host.keep to host/h1', 'sandbox.claim to sandbox/p1/s2'],
    'nor is it placed twice',
  );
  back.send(became('i1', 'gone'));
  t.equal(back.status, 'Deleting', 'a member goes only with its capsule, whose end goes on');

  const homeless = begin({ found });
  homeless.send({ type: 'sandbox.refused', sandboxId: 's2', reason: 'It is being removed', retryable: true });
  homeless.send(became('i1', 'ended', 0)).send(became('c1', 'running'));
  t.same(homeless.paths, ['opening.asking'], 'without its sandbox it has another made');
});
