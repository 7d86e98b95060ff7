/** Nets that a project asked for a moment ago, and that sandboxes wait on. */
import t from 'tap';
import { createKnownNetworks } from '../../src/api/zun/known-networks.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { NetworkRequest } from '../../src/model/network.ts';

const minute = 60_000;
const request = (fixedAddress: string | null): NetworkRequest => ({
  networkId: 'n1',
  isDefault: false,
  fixedAddress,
  neutron: { portId: null, fixedAddress6: null, securityGroups: ['g1'] },
});

function scene({ fixedAddress = null as string | null, waiting = ['p1 n1~g1'] } = {}) {
  let now = 0;
  let asked = 0;
  let problem: Error | null = null;
  const requests = createKnownNetworks({
    environment: { monotonic: () => now },
    requests: () => {
      asked += 1;
      return problem ? Promise.reject(problem) : Promise.resolve([request(fixedAddress)]);
    },
    isMadeAhead: (tenant, networks) => waiting.includes(`${tenant} ${networks}`),
  });
  return {
    ask: (tenant = 'p1', may = true) => requests({ tenant, may: () => may }, [], []),
    pass: (ms: number) => (now += ms),
    fail: (error: Error | null) => (problem = error),
    get asked() {
      return asked;
    },
  };
}

t.test('they are not asked for again while sandboxes wait on them, for whom they wait', async (t) => {
  const known = scene();
  for (let each = 0; each < 3; each += 1) t.same(await known.ask(), [request(null)]);
  t.equal(known.asked, 1);
  await known.ask('p2');
  t.equal(known.asked, 2, 'another project’s are its own');
  await known.ask('p1', false);
  t.equal(known.asked, 3, 'and who may do less asks for itself');
  const none = scene({ waiting: [] });
  for (let each = 0; each < 3; each += 1) await none.ask();
  t.equal(none.asked, 3, 'where nothing waits Neutron is asked');
  const own = scene({ fixedAddress: '10.0.0.7' });
  for (let each = 0; each < 3; each += 1) await own.ask();
  t.equal(own.asked, 3, 'whether an address is free, too');
});

t.test('they are asked for behind the answer after a moment, and before it after a while', async (t) => {
  const known = scene();
  await known.ask();
  known.pass(minute);
  known.fail(new TroupeError('CLOUD_UNAVAILABLE', 'It does not answer'));
  t.same(await known.ask(), [request(null)], 'what Neutron can’t say is no other answer');
  await new Promise(setImmediate);
  t.equal(known.asked, 2);
  known.pass(minute);
  known.fail(new TroupeError('NETWORK_NOT_FOUND', 'It is gone'));
  t.same(await known.ask(), [request(null)]);
  await new Promise(setImmediate);
  await t.rejects(known.ask(), { code: 'NETWORK_NOT_FOUND' }, 'another answer holds from then on');
  known.fail(null);
  await known.ask();
  known.pass(10 * minute);
  known.fail(new TroupeError('CLOUD_UNAVAILABLE', 'It does not answer'));
  await t.rejects(known.ask(), { code: 'CLOUD_UNAVAILABLE' });
});
