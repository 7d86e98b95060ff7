/** A host, a network, a port and a publication, and agents that are killed in the middle of making or undoing them. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createBridgeNetworkDriver } from '../../../src/drivers/network/bridge-network.ts';
import type { PlugSpec } from '../../../src/drivers/network/network-driver.ts';
import { macOfPort } from '../../../src/model/mac-address.ts';
import { makeNamespace } from '../../support/namespaces.ts';
import { needRoot } from '../../support/need-root.ts';
import { ownHost, steady } from '../../support/network-host.ts';
import type { DriverCall } from './driver-process.ts';

needRoot();

export const on = await ownHost({ bridgeNetfilter: true, engineFirewall: true, forwarding: false });
t.teardown(() => on.stop());
export const driver = createBridgeNetworkDriver({ host: on.host, uplinks: [on.uplink] });
export const signal = AbortSignal.timeout(280_000);
const sandbox = await makeNamespace();
t.teardown(() => sandbox.remove());

export const [worldId, networkId, portId] = [randomUUID(), randomUUID(), randomUUID()];
const network = {
  worldId,
  networkId,
  tenant: 'p1',
  subnet: '10.70.1.0/24',
  gateway: '10.70.1.1',
  ipv6: { subnet: 'fd5a:70::/64', gateway: 'fd5a:70::1' },
  mtu: 1450,
};
const port: PlugSpec = {
  worldId,
  networkId,
  portId,
  of: 'us',
  netnsPath: sandbox.path,
  mac: macOfPort(portId),
  addresses: ['10.70.1.2/24', 'fd5a:70::2/64'],
  gateway: '10.70.1.1',
  routes: [{ destination: '203.0.113.0/24', via: '10.70.1.9' }],
  mtu: 1450,
  interfaceName: 'eth0',
};
const publication = {
  worldId,
  portId,
  address: '10.70.1.2',
  ports: [
    { protocol: 'tcp', hostPort: 8080, containerPort: 80, hostAddress: null },
    { protocol: 'udp', hostPort: 8053, containerPort: 53, hostAddress: on.address },
  ],
} as const;

export const ensure: readonly DriverCall[] = [
  { method: 'ensureNetwork', argument: network },
  { method: 'plug', argument: port },
  { method: 'publish', argument: publication },
];
export const undo: readonly DriverCall[] = [
  { method: 'unpublish', argument: port },
  { method: 'unplug', argument: port },
  { method: 'removeNetwork', argument: network },
];

/** Does the calls in another process; null when it died at the place it was told. */
export async function elsewhere(calls: readonly DriverCall[], dieAt: number): Promise<number | null> {
  const file = fileURLToPath(new URL('./driver-process.js', import.meta.url));
  const args = [file, on.host.networkNamespace, on.uplink, String(dieAt), JSON.stringify(calls)];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, (error, stdout) => {
      if (!error) resolve(Number(stdout));
      else if (error.signal === 'SIGKILL') resolve(null);
      else reject(error);
    });
  });
}

export async function here(calls: readonly DriverCall[]): Promise<void> {
  for (const { method, argument } of calls)
    await (driver[method] as (argument: unknown, signal: AbortSignal) => Promise<unknown>)(argument, signal);
}

/** The host, and what is in the sandbox beside `lo`. */
export async function everything(): Promise<string> {
  const inside = await sandbox.run('ip', '-brief', 'address', 'show');
  const routes = [await sandbox.run('ip', 'route', 'show'), await sandbox.run('ip', '-6', 'route', 'show')];
  const bridged = await on.run('bridge', 'link', 'show');
  const hairpins = (await on.run('bridge', '-details', 'link', 'show')).match(/hairpin \w+/g) ?? [];
  const lines = [...inside.split('\n'), ...bridged.split('\n')]
    .map((line) => steady(line.replace(/^\d+: /, '')))
    .filter((line) => !line.startsWith('lo '));
  return [await on.state(worldId), ...routes, ...lines, ...hairpins].join('\n');
}

/** Kills at every place of `calls`, begun from what `prepare` makes; each time it is done again, here. */
export async function killEverywhere(
  t: Test,
  calls: readonly DriverCall[],
  prepare: () => Promise<unknown>,
  expected: string,
): Promise<void> {
  await prepare();
  const places = await elsewhere(calls, 0);
  t.equal(await everything(), expected, 'not killed at all');
  t.ok(places !== null && places > calls.length, `there are ${places} places`);
  for (let place = 1; place <= (places ?? 0); place++) {
    await prepare();
    t.equal(await elsewhere(calls, place), null, `killed at ${place}`);
    await here(calls);
    t.equal(await everything(), expected, `done again after ${place}`);
  }
}
