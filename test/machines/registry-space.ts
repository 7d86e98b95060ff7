import { registryChart, type RegistryContext } from '../../src/machines/registry.machine.ts';
import type { ProofSubject } from './proofs.ts';

export const registrySubject: ProofSubject = {
  chart: registryChart,
  inputs: [
    {
      id: 'r1',
      tenant: 'p1',
      userId: 'ann',
      name: 'mine',
      domain: 'registry.example:5000',
      username: 'ann',
      hasPassword: true,
    },
  ],
  events: () => [
    { type: 'registry.update', changes: { domain: 'registry.example' } },
    { type: 'registry.update', changes: { username: null, hasPassword: false } },
    { type: 'registry.delete' },
    { type: 'registry.juggle' },
    { type: 'actor.restored' },
  ],
  results: () => [],
  project: (context) => {
    const { domain, username } = context as RegistryContext;
    return [domain, username];
  },
};
