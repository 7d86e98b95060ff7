/** The Podman driver when the service goes away and comes back, and what it refuses. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { kuryrProblem } from '../../src/drivers/network/kuryr.ts';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { dockerDialect } from '../../src/drivers/runtime/docker-dialect.ts';
import { createDockerEngine } from '../../src/drivers/runtime/docker-engine.ts';
import { detectEngine } from '../../src/drivers/runtime/engine-kind.ts';
import { createPodmanDriver } from '../../src/drivers/runtime/podman.ts';
import type { EngineEvent } from '../../src/drivers/runtime/runtime-driver.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { hostFindings } from '../../src/main/host-doctor.ts';
import { hostParts } from '../../src/main/host-parts.ts';
import { creation } from '../conformance/runtime-driver-stage.ts';
import { dockerSocket, ensureDocker, newWorldId, testSpec } from '../support/docker.ts';
import { startPodman } from '../support/podman.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const podman = await startPodman();
const environment = createEnvironment(createTestEnvironment().log);
const sandboxFolder = join(podman.folder, 'sandboxes');
const { socketPath } = podman;
const driver = createPodmanDriver({ socketPath, hostname: 'test', environment, sandboxFolder });
const worldId = newWorldId();
const identity = { opId: 'op-1', worldId, containerId: 'c1', tenant: 'p1', generation: 1, epoch: 1 };
const sandboxId = `s1-${worldId}`;
const signal = AbortSignal.timeout(120_000);
const first = { run: 1, limits: null };

t.teardown(async () => {
  await driver.removeSandbox(identity, sandboxId, signal);
  await driver.close();
  await podman.stop();
});

t.test('what it leaves of images it was sent is in its folder, and goes with it', async (t) => {
  const pid = (await readFile(join(podman.folder, 'podman.pid'), 'utf8')).trim();
  const settings = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
  t.ok(settings.includes(`TMPDIR=${join(podman.folder, 'scratch')}`));
});

t.test('which engine listens is found out', async (t) => {
  await ensureDocker();
  t.equal(await detectEngine(socketPath, signal), 'podman');
  t.equal(await detectEngine(dockerSocket, signal), 'docker');
  await t.rejects(detectEngine('/nonexistent/engine.sock', signal), { code: 'ENGINE_UNAVAILABLE' });
});

t.test('Kuryr, which is a plugin of Docker, is refused here before anything is asked of it', async (t) => {
  const engine = createDockerEngine(socketPath, dockerDialect);
  t.equal(
    await kuryrProblem({ engine, plugin: 'kuryr' }, signal),
    'network.kuryr needs Docker: this engine knows no plugins; unset it',
  );
  engine.close();
  const flags = { 'network.kuryr': 'kuryr', 'engine.socket': socketPath, 'state.directory': podman.folder };
  const { config } = loadConfig({ flags, environment: {}, file: null, usualFiles: [] });
  const findings = await hostFindings(config);
  t.match(findings, [{ check: 'kuryr', ok: false, detail: /needs Docker/ }], 'and the doctor says so');
  const { networks } = await hostParts(config, environment, driver);
  t.match(networks, { able: false, problem: /network\.kuryr needs Docker/ }, 'and the host');
});

t.test('a fingerprint tells of the machine as Docker’s does', async (t) => {
  const docker = createDockerDriver({ socketPath: dockerSocket, hostname: 'test', environment });
  t.teardown(() => docker.close());
  const [one, other] = await Promise.all([driver.fingerprint(signal), docker.fingerprint(signal)]);
  t.match(one, {
    engine: 'podman',
    cpus: other.cpus,
    memoryMib: other.memoryMib,
    architecture: other.architecture,
    kernelVersion: other.kernelVersion,
  });
  t.equal(one.runtimes.length, 1, 'a container can have no other than the one it is configured with');
});

t.test('a runtime it would ignore is refused; its own is not', async (t) => {
  const create = (runtime: string) =>
    driver.createContainer(identity, creation(testSpec({ runtime })), signal);
  await t.rejects(create('kata'), { code: 'INVALID_SPEC', message: /Runtime "kata" is not to be had/ });
  t.equal(await driver.observe('c1', signal), null);
  const [own = ''] = (await driver.fingerprint(signal)).runtimes;
  t.match(await create(own), { state: 'created' });
  await driver.removeContainer(identity, signal);
});

t.test('containers and sandboxes live through an outage of the service', async (t) => {
  const ended = new AbortController();
  const events = driver.events(ended.signal)[Symbol.asyncIterator]();
  const next = async (kind: EngineEvent['kind']): Promise<void> => {
    for (;;) {
      const result = await events.next();
      if (result.done) throw new Error('The events ended');
      if (result.value.kind === kind) return;
    }
  };
  await next('gap');
  const sandbox = await driver.ensureSandbox(identity, { sandboxId, hostname: null }, signal);
  await driver.createContainer(identity, creation(testSpec(), { sandbox }), signal);
  const begun = await driver.startContainer(identity, first, signal);
  await podman.kill();
  await next('down');
  await t.rejects(driver.observe('c1', signal), { code: 'ENGINE_UNAVAILABLE', retryable: true });
  t.same(await driver.listSandboxes(signal).then((all) => all.map((each) => each.netnsPath)), [
    sandbox.netnsPath,
  ]);
  await podman.start();
  await next('gap');
  t.same(await driver.observe('c1', signal), begun, 'the same run');
  t.same(await driver.ensureSandbox(identity, { sandboxId, hostname: null }, signal), sandbox);
  t.match(await driver.stopContainer(identity, { graceMs: 0 }, signal), { state: 'exited' });
  await next('container');
  await driver.removeContainer(identity, signal);
  ended.abort();
});
