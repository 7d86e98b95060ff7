import t from 'tap';
import { containerChart } from '../../src/machines/container.machine.ts';
import type { ContainerInput } from '../../src/model/events.ts';
import {
  containerInput,
  created,
  exited,
  gone,
  granted,
  hostId,
  observation,
  started,
} from './container-samples.ts';
import { walk } from './walk.ts';

const begin = (changes: Partial<ContainerInput> = {}) =>
  walk(containerChart, { ...containerInput, ...changes });
const placed = (changes: Partial<ContainerInput> = {}) => begin(changes).send(granted);
const running = (changes: Partial<ContainerInput> = {}) =>
  placed(changes)
    .done('createContainer', { observation: observation({ state: 'created', startedAt: null }) })
    .done('startContainer', { observation: observation() });
const messages = (walked: ReturnType<typeof walk>) =>
  walked.emitted.flatMap((each) => (each.type === 'message' ? [`${each.event.type} to ${each.to}`] : []));
const answer = (walked: ReturnType<typeof walk>) => walked.emitted.find((each) => each.type === 'answer');

t.test('a start with nothing to acquire takes three turns', async (t) => {
  const container = begin();
  t.same(container.paths, ['placing.claiming']);
  t.same(messages(container), ['tenant.confirm to tenant/p1', 'host.claim to host/h1']);
  container.send(granted);
  t.same(container.paths, ['creating.attempting'], "the image is there and the network is the engine's");
  container.done('createContainer', { observation: observation() });
  t.same(container.paths, ['running.up'], 'its host has gone on to start it');
  t.equal(container.status, 'Running');
  t.equal(container.reason, null);
  t.match(container.context, { containerHeld: true, run: 1, failure: null });
  t.same(container.active, [], 'running waits for nothing: exits arrive as facts');
});

t.test('what a create tells besides is taken as what it is', async (t) => {
  const unstarted = placed().done('createContainer', {
    observation: observation({ state: 'created', startedAt: null }),
  });
  t.same(unstarted.paths, ['starting.attempting'], 'a start that failed is asked for by itself');
  unstarted.done('startContainer', { observation: observation() });
  t.same(unstarted.paths, ['running.up']);

  const over = placed().done('createContainer', {
    observation: observation({ state: 'exited', exitCode: 0, finishedAt: 2_000 }),
  });
  t.same(over.paths, ['stopped']);
  t.match(over.context, { run: 1, containerHeld: true });

  const adopted = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } })
    .send(gone)
    .done('restart.backoff', { at: 0 })
    .done('createContainer', {
      observation: observation({ state: 'exited', exitCode: 0, finishedAt: 2_000 }),
    });
  t.same(adopted.paths, ['starting.attempting'], 'the end of a run that is known is no news');

  const unwanted = placed().send({ type: 'container.stop', graceMs: 3_000 });
  t.equal(answer(unwanted)?.answer, 'queued');
  unwanted.done('createContainer', { observation: observation() });
  t.same(unwanted.paths, ['stopping.attempting'], 'one that was stopped meanwhile does not run on');
  t.match(unwanted.context, { graceMs: 3_000, wanted: 'stopped' });
});

t.test('image and network are acquired side by side when they are not there', async (t) => {
  const container = placed({ imagePullPolicy: 'always', sandbox: 'own' });
  t.same(container.paths, [
    'acquiring.image.pulling.attempting',
    'acquiring.network.opening.asking',
    'acquiring.volumes.ready',
  ]);
  const { sandboxId } = container.context as { sandboxId: string };
  container.send({ type: 'sandbox.granted', sandboxId, engineId: 'e1', ports: [] });
  t.same(container.paths, [
    'acquiring.image.pulling.attempting',
    'acquiring.network.ready',
    'acquiring.volumes.ready',
  ]);
  container.done('pullImage', { imageId: 'i1' });
  t.same(container.paths, ['creating.attempting']);
  t.match(container.context, { sandboxSound: true, sandboxEngineId: 'e1' });
});

t.test('what is removed by hand while it starts is made again', async (t) => {
  const container = placed().done('createContainer', {
    observation: observation({ state: 'created', startedAt: null }),
  });
  container.send(gone);
  t.same(container.paths, ['creating.attempting']);
  t.match(container.context, { containerHeld: false });
});

t.test('what is removed by hand while its network is mended is not held any more', async (t) => {
  const container = placed({ sandbox: 'own' });
  const { sandboxId } = container.context as { sandboxId: string };
  const its = { sandboxId, engineId: 'e1', ports: [] };
  container
    .send({ type: 'sandbox.granted', ...its })
    .done('createContainer', { observation: observation({ state: 'created', startedAt: null }) })
    .failed('startContainer', 'SANDBOX_GONE');
  t.same(container.paths, ['mending']);
  container.send(gone);
  t.match(container.context, { containerHeld: false });
  container.send({ type: 'sandbox.granted', ...its, engineId: 'e2' });
  t.same(container.paths, ['creating.attempting']);
});

t.test('a stop that is given up leaves it running, and its end that comes later is that stop', async (t) => {
  const container = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } });
  container.send({ type: 'container.stop', graceMs: 10_000 });
  container.failed('stopContainer', 'ENGINE_UNAVAILABLE', true).done('stop.deadline', { at: 0 });
  t.same(container.paths, ['running.up']);
  t.equal(container.status, 'Running');
  t.match(container.reason, /Gave up stopping it .*ENGINE_UNAVAILABLE/);
  container.send(exited({ exitCode: 143 }));
  t.same(container.paths, ['stopped'], 'and its policy does not start it again');
});

t.test('a stop that waits is tried at once when its host sees it again', async (t) => {
  const container = running();
  container.send({ type: 'container.stop', graceMs: 10_000 });
  container.failed('stopContainer', 'ENGINE_UNAVAILABLE', true);
  t.same(container.paths, ['stopping.waiting']);
  container.send(started());
  t.same(container.paths, ['stopping.attempting']);
});

t.test('a refused claim goes to the next host, and after all of them it says why', async (t) => {
  const container = begin();
  container.send({ type: 'claim.refused', hostId, generation: 1, reason: '128 MiB memory asked, 20 free' });
  t.same(messages(container), ['host.claim to host/h2']);
  container.done('claim.deadline', { at: 0 });
  t.same(container.paths, ['placing.choosing'], 'others may have come meanwhile');
  container.done('rankHosts', { candidates: [], refusals: [], mayChange: false });
  t.same(container.paths, ['error']);
  t.match(container.reason, /not enough hosts available.*128 MiB memory asked.*did not answer/);
});

t.test('a host that answers too late gets its room back, in whatever state', async (t) => {
  const container = begin();
  container.done('claim.deadline', { at: 0 });
  container.send(granted);
  t.same(messages(container), ['host.release to host/h1']);
  t.same(container.paths, ['placing.claiming'], 'and the next host is still being asked');
});

t.test(
  'a host that was asked twice, since its first answer was late, gets the second room back',
  async (t) => {
    const container = begin({
      candidates: [{ hostId, hostname: 'one', imagePresent: true, makesNetworks: true }],
    });
    container.done('claim.deadline', { at: 0 });
    container
      .done('rankHosts', { candidates: [], refusals: [], mayChange: true })
      .done('placing.backoff', { at: 0 });
    const candidates = [{ hostId, hostname: 'one', imagePresent: true, makesNetworks: true }];
    container.done('rankHosts', { candidates, refusals: [], mayChange: false });
    container.send(granted);
    t.same(messages(container), []);
    container.send(granted);
    t.same(messages(container), ['host.release to host/h1']);
    t.equal(container.context['claimHeld'], true);
  },
);

t.test('no host: the refusals are told by filter', async (t) => {
  const container = begin({ candidates: [] });
  container.done('rankHosts', {
    candidates: [],
    refusals: [{ filter: 'memory', hosts: 3, reason: '4 GiB asked' }],
  });
  t.equal(container.status, 'Error');
  t.match(container.reason, /memory \(3\): 4 GiB asked/);
});

t.test('a host that is away for the moment is waited for, and asked again', async (t) => {
  const container = begin({ candidates: [] });
  const away = {
    candidates: [],
    refusals: [{ filter: 'link', hosts: 1, reason: '"one" not connected' }],
    mayChange: true,
  };
  container.done('rankHosts', away);
  t.same(container.paths, ['placing.waiting']);
  t.equal(container.status, 'Creating');
  t.match(container.reason, /"one" not connected/);
  container
    .done('placing.backoff', { at: 0 })
    .done('rankHosts', { candidates: containerInput.candidates, refusals: [], mayChange: false });
  t.same(container.paths, ['placing.claiming']);
});

t.test('an engine that is down is waited for, saying so', async (t) => {
  const container = placed();
  container.failed('createContainer', 'ENGINE_UNAVAILABLE', true);
  t.same(container.paths, ['creating.waiting']);
  t.equal(container.status, 'Creating');
  t.match(container.reason, /ENGINE_UNAVAILABLE/);
  container.done('create.backoff', { at: 0 });
  t.same(container.paths, ['creating.attempting']);
  container.failed('createContainer', 'ENGINE_UNAVAILABLE', true).done('create.deadline', { at: 0 });
  t.match(container.reason, /Gave up creating it on host "one" in time: It failed with ENGINE_UNAVAILABLE/);
});

t.test('an image that was believed to be there is pulled after all', async (t) => {
  const container = placed();
  container.failed('createContainer', 'IMAGE_NOT_FOUND');
  const pulling = [
    'acquiring.image.pulling.attempting',
    'acquiring.network.ready',
    'acquiring.volumes.ready',
  ];
  t.same(container.paths, pulling);
  container.done('pullImage', { imageId: 'i1' }).failed('createContainer', 'IMAGE_NOT_FOUND');
  t.same(container.paths, pulling, 'whatever happened to it meanwhile');
});

t.test('an exit is answered by the restart policy', async (t) => {
  t.test('no policy: stopped, with the reason', async (t) => {
    const container = running().send(exited({ exitCode: 3 }));
    t.equal(container.status, 'Stopped');
    t.match(container.reason, /exited with 3/);
  });
  t.test('always: backs off, then starts', async (t) => {
    const container = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } }).send(exited());
    t.same(container.paths, ['backingOff']);
    t.equal(container.status, 'Restarting');
    container.done('restart.backoff', { at: 0 });
    t.same(container.paths, ['starting.attempting']);
    t.match(container.context, { restarts: 1, run: 1 });
  });
  t.test('a long run forgets restarts before it, in what it says as well', async (t) => {
    const container = running({ restartPolicy: { name: 'on-failure', maximumRetryCount: 1 } }).send(exited());
    container
      .done('restart.backoff', { at: 0 })
      .done('startContainer', { observation: observation({ startedAt: 3_000 }) });
    container.send(exited({ startedAt: 3_000, finishedAt: 60_000 }));
    t.same(container.paths, ['backingOff']);
    t.equal(container.reason, 'Restarting: it exited with 1; its restart policy is "on-failure"');
  });
  t.test('on-failure gives up after its count', async (t) => {
    const container = running({ restartPolicy: { name: 'on-failure', maximumRetryCount: 1 } }).send(exited());
    container
      .done('restart.backoff', { at: 0 })
      .done('startContainer', { observation: observation({ startedAt: 3_000 }) });
    container.send(exited({ startedAt: 3_000, finishedAt: 3_100 }));
    t.equal(container.status, 'Stopped');
    t.match(container.reason, /restarted 1 times/);
  });
  t.test('stopped by hand outside: no restart', async (t) => {
    const container = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } }).send(
      exited({}, true),
    );
    t.equal(container.status, 'Stopped');
    t.match(container.reason, /outside Troupe/);
  });
  t.test('auto-remove: it goes', async (t) => {
    t.same(running({ autoRemove: true }).send(exited({ exitCode: 0 })).paths, [
      'removing.container.attempting',
    ]);
  });
  t.test('out of memory is said', async (t) => {
    t.match(running().send(exited({ oomKilled: true, exitCode: 137 })).reason, /ran out of memory/);
  });
});

t.test('an exit of an earlier run, another generation or another host is ignored', async (t) => {
  const container = running();
  for (const fact of [exited({ startedAt: 500 }), exited({ generation: 0 }), { ...exited(), hostId: 'h9' }]) {
    t.same(container.send(fact).paths, ['running.up']);
  }
});

t.test('a process that ended before its start was answered has ended', async (t) => {
  const container = placed().done('createContainer', {
    observation: observation({ state: 'created', startedAt: null }),
  });
  container.done('startContainer', {
    observation: observation({ state: 'exited', finishedAt: 1_001, exitCode: 0 }),
  });
  t.equal(container.status, 'Stopped');
});

t.test('an exit of the last run, told late, does not end the next one', async (t) => {
  const container = running().send({ type: 'container.stop', graceMs: 0 }).send({ type: 'container.start' });
  container.done('stopContainer', {
    observation: observation({ state: 'exited', finishedAt: 2_000, exitCode: 137 }),
  });
  t.same(container.paths, ['starting.attempting']);
  t.same(container.send(exited({ exitCode: 137 })).paths, ['starting.attempting']);
  t.same(
    container.send(exited({ startedAt: 3_000, finishedAt: 3_001 })).paths,
    ['stopped'],
    'but one of its own does',
  );
});

t.test('stop is gentle, and a start meanwhile is queued', async (t) => {
  const container = running().send({ type: 'container.stop', graceMs: 5_000 });
  t.same(container.paths, ['stopping.attempting']);
  t.match(
    container.started.find(({ id }) => id === 'stopContainer'),
    { input: { graceMs: 5_000 } },
  );
  container.send({ type: 'container.start' });
  t.match(answer(container), { answer: 'queued' });
  container.done('stopContainer', { observation: observation({ state: 'exited', exitCode: 0 }) });
  t.same(container.paths, ['starting.attempting']);
});

t.test('delete of a running container is refused bare, and releases everything with stop', async (t) => {
  const container = running();
  container.send({ type: 'container.delete', mode: 'ifStopped', graceMs: 0 });
  t.match(answer(container), { answer: 'refused', reason: /stop or force/ });
  container.send({ type: 'container.delete', mode: 'stop', graceMs: 1_000 });
  t.same(container.paths, ['removing.stopping']);
  container.done('removeStop', { observation: null });
  t.same(container.paths, ['removing.container.attempting']);
  container.done('removeContainer');
  t.same(container.paths, ['deleted']);
  t.same(messages(container), ['host.release to host/h1', 'tenant.release to tenant/p1']);
});

t.test('delete during create removes whatever may have come into being', async (t) => {
  const container = placed().send({ type: 'container.delete', mode: 'force', graceMs: 0 });
  t.same(container.paths, ['removing.container.attempting']);
  container.done('removeContainer');
  t.same(messages(container), ['host.release to host/h1', 'tenant.release to tenant/p1']);
});

t.test('delete before any host is at once, and gives back the quota only', async (t) => {
  const container = begin().send({ type: 'container.delete', mode: 'force', graceMs: 0 });
  t.same(container.paths, ['deleted']);
  t.same(messages(container), ['tenant.release to tenant/p1']);
});

t.test('a hung engine: the quota is given back, the room is not, and it goes on trying', async (t) => {
  const container = running()
    .send({ type: 'container.delete', mode: 'force', graceMs: 0 })
    .done('remove.deadline', { at: 0 });
  t.same(container.paths, ['removing.stuck.pausing']);
  t.same(messages(container), ['tenant.release to tenant/p1']);
  t.match(container.reason, /waiting for the engine on host "one"/);
  container.done('stuck.pause', { at: 0 }).done('stuck.removeContainer');
  t.same(container.paths, ['deleted']);
  t.same(messages(container), ['host.release to host/h1'], 'the quota is not given back twice');
});

t.test('a lost host', async (t) => {
  const lost = (changes: Partial<ContainerInput> = {}) =>
    running(changes).send({ type: 'host.lost', hostId });
  t.test('it is Unknown, and Running again when its host says so', async (t) => {
    const container = lost();
    t.equal(container.status, 'Unknown');
    t.equal(container.send(started()).status, 'Running');
    t.match(container.context, { run: 1 }, 'the same run');
  });
  t.test('it ended meanwhile: its policy decides', async (t) => {
    t.equal(lost().send(exited()).status, 'Stopped');
    t.equal(
      lost({ restartPolicy: { name: 'always', maximumRetryCount: 0 } }).send(exited()).status,
      'Restarting',
    );
  });
  t.test('one that never ran is Created again', async (t) => {
    const container = placed({ run: false })
      .done('createContainer', { observation: observation({ state: 'created', startedAt: null }) })
      .send({ type: 'host.lost', hostId });
    t.equal(container.status, 'Unknown');
    t.equal(container.send(created).status, 'Created');
  });
  t.test('a start is kept for its return, whatever its restart policy says', async (t) => {
    for (const returned of [exited(), created]) {
      const container = placed({ run: false })
        .done('createContainer', { observation: observation({ state: 'created', startedAt: null }) })
        .send({ type: 'host.lost', hostId })
        .send({ type: 'container.start' });
      t.match(answer(container), { answer: 'queued' });
      t.same(container.send(returned).paths, ['starting.attempting']);
    }
  });
  t.test('what its host has no more is gone, even if it was gone before', async (t) => {
    const container = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } })
      .send(gone)
      .send({ type: 'host.lost', hostId });
    t.equal(container.status, 'Unknown');
    t.equal(container.send(gone).status, 'Restarting');
  });
  t.test('a stop is kept for its return', async (t) => {
    const container = lost().send({ type: 'container.stop', graceMs: 1_000 });
    t.match(answer(container), { answer: 'queued' });
    t.same(container.send(started()).paths, ['stopping.attempting']);
  });
  t.test('it can be deleted at once', async (t) => {
    const container = lost().send({ type: 'container.delete', mode: 'stop', graceMs: 0 });
    t.same(messages(container), ['host.release to host/h1', 'tenant.release to tenant/p1']);
  });
  t.test("another host's loss is none of its business", async (t) => {
    t.equal(running().send({ type: 'host.lost', hostId: 'h9' }).status, 'Running');
  });
});

t.test('removed by hand: made again by policy, else an error with the reason', async (t) => {
  t.match(running().send(gone).reason, /removed outside Troupe/);
  const container = running({ restartPolicy: { name: 'always', maximumRetryCount: 0 } }).send(gone);
  t.same(container.paths, ['backingOff']);
  t.same(container.done('restart.backoff', { at: 0 }).paths, ['creating.attempting']);
});

t.test('a start that is told again does not bring an ended run back', async (t) => {
  const stopped = running().send(exited({ exitCode: 0 }));
  t.equal(stopped.send(started()).status, 'Stopped');
});

t.test('started by hand: it runs', async (t) => {
  const stopped = running().send(exited({ exitCode: 0 }));
  t.equal(stopped.send(started({ startedAt: 9_000 })).status, 'Running');
});

t.test('health moves it between substates without leaving Running', async (t) => {
  const container = running().send({
    type: 'runtime.health',
    hostId,
    opId: null,
    observation: observation({ health: 'unhealthy' }),
  });
  t.same(container.paths, ['running.unhealthy']);
  t.equal(container.status, 'Running');
});

t.test('what is unhealthy says why', (t) => {
  const healthReason = '10.0.0.2:80 refused the connection';
  const seen = observation({ health: 'unhealthy', healthReason });
  const sick = running().send({ type: 'runtime.health', hostId, opId: null, observation: seen });
  t.equal(sick.reason, `Its health check fails: ${healthReason}`);
  const well = observation({ health: 'healthy' });
  t.equal(sick.send({ type: 'runtime.health', hostId, opId: null, observation: well }).reason, null);
  t.end();
});

t.test('health that changed while nobody heard is taken from the inventory', (t) => {
  const seen = observation({ health: 'unhealthy' });
  const container = running().send({
    type: 'runtime.started',
    hostId,
    opId: null,
    byAgent: false,
    observation: seen,
  });
  t.same(container.paths, ['running.unhealthy']);
  t.end();
});

t.test('health that changes while it is paused or signalled is not lost', (t) => {
  const health = { type: 'runtime.health', hostId, opId: null } as const;
  const killing = running().send({ type: 'container.kill', signal: 'HUP' });
  t.match(killing.paths, ['signalling']);
  const after = killing.send({ ...health, observation: observation({ health: 'unhealthy' }) });
  t.same(after.done('killContainer', null).paths, ['running.unhealthy']);
  t.end();
});

t.test('start from Error goes on from where it got to', async (t) => {
  const container = placed().failed('createContainer', 'INVALID_SPEC');
  t.equal(container.status, 'Error');
  t.same(container.send({ type: 'container.start' }).paths, ['creating.attempting']);
});
