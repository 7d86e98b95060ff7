/** Namespaces and bridges that are only told of. */
import type { Sandboxes } from '../../src/agent/sandboxes.ts';

const subnet = '10.64.0.0/24';
const gateway = '10.64.0.1';
const mtu = 1500;

export function createFakeSandboxes(): Sandboxes {
  const done = (): Promise<void> => Promise.resolve();
  return {
    make: (_, __, { published }) => Promise.resolve({ engineId: null, published }),
    unplug: done,
    remove: done,
    ensureNetwork: (_, networkId, asked) =>
      Promise.resolve({ networkId, subnet: asked ?? subnet, gateway, mtu }),
    removeNetwork: done,
    named: () => Promise.resolve({ hosts: '/hosts', resolvConf: '/resolv.conf', hostname: '/hostname' }),
    addressOf: () => Promise.resolve(null),
    mend: () => Promise.resolve(true),
    repair: done,
    sweep: done,
    list: () => Promise.resolve([]),
  };
}
