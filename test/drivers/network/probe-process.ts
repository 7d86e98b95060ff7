/** What a bridge driver says of this machine, and how it fails to make a network, as JSON: for agents with less rights. */
import { createBridgeNetworkDriver } from '../../../src/drivers/network/bridge-network.ts';
import { toFailure } from '../../../src/errors/errors.ts';

const driver = createBridgeNetworkDriver();
const signal = AbortSignal.timeout(30_000);
const probe = await driver.probe(signal);
const failure = await driver
  .ensureNetwork(
    {
      worldId: '11111111-1111-4111-8111-111111111111',
      networkId: '22222222-2222-4222-8222-222222222222',
      tenant: 'p1',
      subnet: '203.0.113.0/24',
      gateway: '203.0.113.1',
      ipv6: null,
      mtu: 1500,
    },
    signal,
  )
  .then(
    () => null,
    (error: unknown) => toFailure(error),
  );
process.stdout.write(JSON.stringify({ probe, failure }));
