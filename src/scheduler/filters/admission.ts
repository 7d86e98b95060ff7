import type { Admission } from '../../model/host.ts';
import { grouped, hostnames, type Filter } from '../filter.ts';

const states: Readonly<Record<Admission, string>> = {
  open: 'open',
  cordoned: 'cordoned',
  draining: 'being drained',
  maintenance: 'in maintenance',
};

export const admission: Filter = {
  name: 'admission',
  applies: () => true,
  check: (host) => host.admission === 'open',
  explain: (refused) => {
    const said = [...grouped(refused, (host) => host.admission)].map(
      ([state, hosts]) => `${hostnames(hosts)} ${states[state]}`,
    );
    return `${said.join(', ')}; uncordon one to take new containers`;
  },
};
