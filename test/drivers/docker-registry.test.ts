/** Docker and a registry that wants a login. */
import t from 'tap';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { ensureDocker } from '../support/docker.ts';
import { startRegistry } from '../support/registry.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { docker } from '../support/troupe.ts';

await ensureDocker();
const login = { username: 'ann', password: 'correct-horse' };
const registry = await startRegistry(login);
const driver = createDockerDriver({
  socketPath: '/var/run/docker.sock',
  hostname: 'test',
  environment: createEnvironment(createTestEnvironment().log),
});
t.teardown(async () => {
  await driver.close();
  await registry.stop();
});
const { signal } = new AbortController();
const image = await registry.push('team/app:1');
const identity = { opId: 'op', worldId: 'w', containerId: 'c', tenant: 'p1', generation: 1, epoch: 1 };
const pull = (
  credential: Parameters<typeof driver.pullImage>[4],
  policy: 'always' | 'ifnotpresent' = 'always',
) => driver.pullImage(identity, image, policy, signal, credential);

t.test('the right login is let in, a wrong one and none are told apart', async (t) => {
  await t.rejects(pull(null), {
    code: 'REGISTRY_DENIED',
    retryable: false,
    message: /can't be pulled without logging in/,
  });
  const wrong = { domain: registry.domain, username: 'ann', password: 'wrong-horse' };
  const refused = await pull(wrong).catch((error: Error) => error);
  t.match(refused, { code: 'REGISTRY_DENIED', message: /does not take the username and password/ });
  t.notMatch(JSON.stringify(refused) + String(refused), 'wrong-horse');
  t.match(await pull({ domain: registry.domain, ...login }), { imageId: /^sha256:/ });
  t.ok((await driver.images(signal)).includes(image));
  await t.rejects(pull(null), { code: 'REGISTRY_DENIED' }, 'that it is here is no leave to use it');
  t.match(await pull(null, 'ifnotpresent'), { imageId: /^sha256:/ }, 'unless the policy says so');
  await docker.getImage(image).remove();
});

t.test('a login is shown to no other registry', async (t) => {
  const other = await startRegistry(null);
  try {
    const free = await other.push('team/app:1');
    const credential = { domain: registry.domain, ...login };
    await t.rejects(driver.pullImage(identity, free, 'always', signal, credential), {
      code: 'FORBIDDEN',
      message: /is not of the registry/,
    });
    t.match(await driver.pullImage(identity, free, 'always', signal), { imageId: /^sha256:/ });
    await docker.getImage(free).remove();
  } finally {
    await other.stop();
  }
});
