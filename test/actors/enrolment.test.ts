import t from 'tap';
import { createEnrolment } from '../../src/actors/enrolment.ts';
import type { Store } from '../../src/actors/stores/store.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const day = 24 * 3600 * 1000;

function scene() {
  const environment = createTestEnvironment();
  const settings = new Map<string, string>();
  const store: Pick<Store, 'putSetting' | 'settings'> = {
    async putSetting(key, value) {
      if (value === null) settings.delete(key);
      else settings.set(key, value);
    },
    settings: async (prefix) => Object.fromEntries([...settings].filter(([key]) => key.startsWith(prefix))),
  };
  return { environment, enrolment: createEnrolment(environment, store) };
}

t.test('a token stands for one host until that has said hello', async (t) => {
  const { enrolment } = scene();
  const token = await enrolment.createJoinToken();
  const lost = await enrolment.enrol(token);
  const { hostId, credential } = await enrolment.enrol(token);
  t.equal(hostId, lost.hostId);
  await t.rejects(enrolment.authenticate(hostId, lost.credential), { code: 'LINK_REFUSED' });
  await enrolment.authenticate(hostId, credential);
  await t.rejects(enrolment.enrol(token), { code: 'LINK_REFUSED' });
});

t.test('a kept token is given back while its host can still join with it', async (t) => {
  const { environment, enrolment } = scene();
  const token = await enrolment.createJoinToken(null);
  const { hostId } = await enrolment.enrol(token);
  t.equal(await enrolment.createJoinToken(token), token, 'its process ended before it could say hello');
  const { credential } = await enrolment.enrol(token);
  await enrolment.authenticate(hostId, credential);
  const next = await enrolment.createJoinToken(token);
  t.not(next, token, 'used up');
  await environment.advance(day + 1);
  t.not(await enrolment.createJoinToken(next), next, 'expired');
});

t.test('a host that was let go of has neither its credential nor its token any more', async (t) => {
  const { enrolment } = scene();
  const token = await enrolment.createJoinToken();
  const { hostId, credential } = await enrolment.enrol(token);
  await enrolment.revoke(hostId);
  await enrolment.revoke(hostId);
  await t.rejects(enrolment.authenticate(hostId, credential), { code: 'LINK_REFUSED' });
  await t.rejects(enrolment.enrol(token), { code: 'LINK_REFUSED' });
});
