/** An engine that is away: what is asked meanwhile waits, says so and until when, and is done once it is back. */
import t from 'tap';
import { createApiSite, type ApiSite, type Json } from './site.ts';
import { until } from './until.ts';

const down = async (site: ApiSite): Promise<void> => {
  site.hosts[0]!.driver.up = false;
  site.hosts[0]!.driver.tell({ kind: 'gap' });
  await until(() => !site.controlPlane.hosts()[0]!.engineUp);
};
/** It answers again, and what waits for that has its time. */
const up = async (site: ApiSite, done: () => boolean): Promise<void> => {
  site.hosts[0]!.driver.up = true;
  site.hosts[0]!.driver.tell({ kind: 'gap' });
  await until(async () => {
    await site.clock.advance(500);
    return done();
  });
};
const statusOf = (site: ApiSite, uuid: string): string => site.controlPlane.container(null, uuid).status;
const lifecycle = async (site: ApiSite, uuid: string) =>
  (await site.call('GET', `/v1/containers/${uuid}/lifecycle`)).json as Json & {
    waitingFor: Json[];
    reason: string;
  };

t.test('a create waits for it, with a deadline', async (t) => {
  const site = await createApiSite(t);
  await down(site);
  t.match((await site.call('GET', '/v1/hosts/host1', { as: 'root' })).json, {
    engine_up: false,
    state: 'online',
  });
  const { uuid } = await site.create({ name: 'patient' }, { run: true });
  await until(() => site.controlPlane.container(null, uuid).statePaths.includes('placing.waiting'));
  t.match((await site.call('GET', '/v1/containers/patient')).json, {
    status: 'Creating',
    status_reason: /the container engine does not answer on "host1"/,
  });
  const { reason, waitingFor } = await lifecycle(site, uuid);
  t.match(reason, /There are not enough hosts available\. engine \(1\)/);
  t.match(
    waitingFor.find(({ invokeId }) => invokeId === 'placing.deadline'),
    { deadlineAt: site.clock.now() + 60_000, description: 'the time to find a host to run out' },
  );
  t.ok(waitingFor.some(({ description }) => description === 'a host that is away to come back'));
  await site.restart();
  t.equal(statusOf(site, uuid), 'Creating', 'it waits on in the next control plane');
  await up(site, () => statusOf(site, uuid) === 'Running');
  t.match(await site.reach(uuid, 'Running'), { status_reason: null });
});

t.test('who waits in vain is told so in the end', async (t) => {
  const site = await createApiSite(t);
  await down(site);
  const { uuid } = await site.create();
  await until(() => site.controlPlane.container(null, uuid).statePaths.includes('placing.waiting'));
  await until(async () => {
    await site.clock.advance(5_000);
    return statusOf(site, uuid) === 'Error';
  });
  t.match(await site.reach(uuid, 'Error'), { status_reason: 'No host took it in time' });
  await up(site, () => site.controlPlane.hosts()[0]!.engineUp);
  t.equal((await site.call('POST', `/v1/containers/${uuid}/start`)).status, 202, 'and may try again');
  await site.reach(uuid, 'Running');
});

t.test('a stop and a delete are done when it is back', async (t) => {
  const site = await createApiSite(t);
  const [one, other] = [await site.create({}, { run: true }), await site.create({}, { run: true })];
  await site.reach(one.uuid, 'Running');
  await site.reach(other.uuid, 'Running');
  site.hosts[0]!.driver.up = false;
  t.equal((await site.call('POST', `/v1/containers/${one.uuid}/stop`)).status, 202);
  t.equal((await site.call('DELETE', `/v1/containers/${other.uuid}?stop=true`)).status, 204);
  await until(async () => (await lifecycle(site, one.uuid))['lastError'] !== null);
  t.match(await lifecycle(site, one.uuid), {
    statePaths: ['stopping.waiting'],
    reason: 'The container engine does not answer',
    lastError: { code: 'ENGINE_UNAVAILABLE', retryable: true },
    waitingFor: [{ invokeId: /^stop\.(backoff|deadline)$/, deadlineAt: Number }, { deadlineAt: Number }],
  });
  await until(() => statusOf(site, other.uuid) === 'Deleting');
  t.match(await lifecycle(site, other.uuid), {
    status: 'Deleting',
    reason: /./,
    waitingFor: [{ deadlineAt: Number }],
  });
  await up(
    site,
    () =>
      statusOf(site, one.uuid) === 'Stopped' &&
      [...site.controlPlane.containers({ tenant: 'p1' })].length === 1,
  );
  t.same([...site.hosts[0]!.driver.containers.keys()], [one.uuid]);
});
