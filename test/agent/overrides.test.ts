import t from 'tap';
import { createHostFingerprint } from '../../src/agent/host-fingerprint.ts';
import { loadConfig } from '../../src/config/load.ts';
import { hostOverrides } from '../../src/main/settings.ts';
import { createFakeDriver } from '../support/fake-driver.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const overridesOf = (flags: Readonly<Record<string, string>>) =>
  hostOverrides(loadConfig({ flags, environment: {}, file: null, usualFiles: [] }).config);
const none = { cpu: null, memory: null, disk: null };

t.test('what an agent’s configuration says of its host goes over what the site says', async (t) => {
  t.same(overridesOf({}), { availabilityZone: null, ratios: none, reserved: none, warmMemoryMib: null });
  const own = {
    'agent.availabilityZone': 'east',
    'agent.cpuRatio': '4',
    'agent.reservedMemory': '0.1',
    'agent.poolMemoryMib': '0',
  };
  t.same(overridesOf(own), {
    availabilityZone: 'east',
    ratios: { ...none, cpu: 4 },
    reserved: { ...none, memory: 0.1 },
    warmMemoryMib: 0,
  });
});

t.test('the fingerprint carries it, also while the engine does not answer', async (t) => {
  const environment = createTestEnvironment();
  const driver = createFakeDriver(() => environment.now());
  const overrides = overridesOf({ 'agent.diskRatio': '2' });
  const fingerprint = createHostFingerprint({
    environment,
    driver,
    hostname: 'one',
    labels: {},
    overrides,
    tell: () => Promise.resolve(),
    told: [],
  });
  t.same((await fingerprint.refresh(new AbortController().signal)).overrides, overrides);
  const silent = createHostFingerprint({
    environment,
    driver: { ...driver, fingerprint: () => Promise.reject(new Error('It is down')) },
    hostname: 'one',
    labels: {},
    overrides,
    tell: () => Promise.resolve(),
    told: [],
  });
  t.match(await silent.refresh(new AbortController().signal), { engineUp: false, overrides });
});
